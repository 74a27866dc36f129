"""Signs in to Entra for the app: by `az login` or `azd auth login`, in a pipeline, or with a managed identity.

It never prompts, unless azure-identity's own variable asks for a browser. Entra then sees the same client as with `az`
and `azd`: the one that the app's registration authorizes.
"""

import os
from collections.abc import Mapping

from .errors import CliError

NOTHING: Mapping[str, str] = {}


def sign_in(audience: str, signs_in: Mapping[str, str] = NOTHING) -> str:
    """An access token for the app; `audience` is its client id or `api://…`. Raises `CliError`.

    `signs_in` are the variables of a local stack's identity, which `azure-identity` reads only from the environment.
    """
    from azure.core.exceptions import AzureError  # noqa: PLC0415 - slow to import; signing in takes longer anyway
    from azure.identity import DefaultAzureCredential  # noqa: PLC0415

    os.environ.update(signs_in)
    try:
        with DefaultAzureCredential() as credential:
            return credential.get_token(f"{audience.rstrip('/')}/.default").token
    except (AzureError, ValueError) as error:
        # The message lists every credential that was tried, over many lines; the first one is enough.
        first = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise CliError(
            f"you are not signed in for {audience}: {first}",
            field="--audience",
            cure="try `az login` or `azd auth login`; without either, set AZURE_TENANT_ID and "
            "AZURE_TOKEN_CREDENTIALS=InteractiveBrowserCredential to sign in in a browser; or check that the app's "
            "registration authorizes the Azure CLI to request tokens",
        ) from error
