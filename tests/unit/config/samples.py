"""The smallest delivery that loads, and the type of the fixture that writes it."""

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

WriteDelivery = Callable[..., Path]
