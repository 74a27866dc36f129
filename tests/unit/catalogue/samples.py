"""The smallest delivery that loads, what it is rendered with, and the type of the fixture that writes it."""

from collections.abc import Callable
from pathlib import Path

DELIVERY = """\
application: shop
image: { registry: nonprod, repository: team/shop }
environments:
  - name: staging
    cluster: staging
    namespace: shop-staging
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: { name: shop }
spec:
  template:
    spec:
      containers:
        - { name: shop, image: team/shop }
"""

IMAGE = "shop.azurecr.io/team/shop@sha256:" + "a" * 64
VALUES = {
    "SLIPWAY_APPLICATION": "shop",
    "SLIPWAY_ENVIRONMENT": "staging",
    "SLIPWAY_RELEASE": "shop-482",
    "SLIPWAY_VERSION": "1.4.2",
}

WriteDelivery = Callable[..., Path]
