"""Whether both apps show their functions: azd calls a deployment without any a success, and nothing would go on."""

from cloud import arm, main, say, value_of, wait_for

ANSWERS, WORKS = "health", "run_step"
"""A function of the front, and one of the worker."""


def steps() -> None:
    subscription, group = value_of("AZURE_SUBSCRIPTION_ID"), value_of("AZURE_RESOURCE_GROUP")
    sites = f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Web/sites"
    for variable, function in (("SLIPWAY_APP_NAME", ANSWERS), ("SLIPWAY_WORKER_NAME", WORKS)):
        name = value_of(variable)
        path = f"{sites}/{name}/functions/{function}"
        wait_for(f"The function {function} of the app {name}", lambda path=path: arm("get", path, "2024-11-01"))  # type: ignore[misc]
    say(f"Pushes into {value_of('SLIPWAY_NONPROD_REGISTRY')} now reach {value_of('SLIPWAY_PUBLIC_URL')}")


if __name__ == "__main__":
    main(steps)
