"""The worker's role in Azure, as rules of the double's tokens; a real cluster gets a Role with the same rules."""

from slipway.effects.cluster import azure_role

from .settings import Rule


def writer() -> tuple[Rule, ...]:
    """The rights of *Azure Kubernetes Service RBAC Writer* in a namespace."""
    return tuple(
        Rule(groups=tuple(rule["apiGroups"]), resources=tuple(rule["resources"]), verbs=tuple(rule["verbs"]))
        for rule in azure_role.rules()
    )
