"""Slipway: event-driven continuous delivery for AKS. Start reading at docs/ARCHITECTURE.md."""

__version__ = "0.1.0"
