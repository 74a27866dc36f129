"""The worker's package, in the folder that azure.yaml names for it."""

from azure_package import package
from cloud import main

if __name__ == "__main__":
    main(lambda: package("worker"))
