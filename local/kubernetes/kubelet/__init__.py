"""Runs the containers of pods as processes on this machine: pulls images, starts programs, probes and ends them."""

from .kubelet import Kubelet

__all__ = ["Kubelet"]
