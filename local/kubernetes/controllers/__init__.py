"""What a cluster's controllers do with the objects of a delivery, one module for each kind."""

from .loop import Controllers

__all__ = ["Controllers"]
