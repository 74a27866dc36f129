"""The Event Grid subscription. Its endpoint is a function, so it can only be made once the app shows that function."""

from pathlib import Path

from cloud import arm, main, run, say, value_of, wait_for

TEMPLATE = Path(__file__).resolve().parents[1] / "postdeploy.bicep"


def steps() -> None:
    subscription, group = value_of("AZURE_SUBSCRIPTION_ID"), value_of("AZURE_RESOURCE_GROUP")
    site = f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Web/sites"
    function = f"{site}/{value_of('SLIPWAY_APP_NAME')}/functions/image_pushed"
    wait_for("The app's function image_pushed", lambda: arm("get", function, "2024-11-01"))
    run(
        *("az", "deployment", "group", "create", "--name", "slipway-postdeploy"),
        *("--subscription", subscription, "--resource-group", group),
        *("--template-file", str(TEMPLATE), "--output", "none", "--parameters"),
        f"systemTopicName={value_of('SLIPWAY_SYSTEM_TOPIC')}",
        f"appName={value_of('SLIPWAY_APP_NAME')}",
        f"storageName={value_of('SLIPWAY_HOST_STORAGE')}",
        f"deadEventsContainer={value_of('SLIPWAY_DEAD_EVENTS')}",
    )
    say(f"Pushes into {value_of('SLIPWAY_NONPROD_REGISTRY')} now reach {value_of('SLIPWAY_PUBLIC_URL')}")


if __name__ == "__main__":
    main(steps)
