"""A cluster's controllers for the objects of a delivery, one module per kind."""

from .loop import Controllers

__all__ = ["Controllers"]
