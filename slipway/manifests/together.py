"""What every API server refuses of its own kinds though the object keeps its schema: numbers out of range, unknown
words, one of two fields that exclude each other, and fields that do not go together.

`_TABLE` has it. A real API server was asked about the objects of `tests/contract/cluster/variants.yaml`, and its
answers and those of this table have to be the same. The double of Kubernetes refuses by this table too.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from . import combined
from . import rules as r
from .documents import Document
from .images import containers
from .problems import Problem, Steps, short_value
from .rules import Faults, Rule, mapping

_INT32: Final = 2**31 - 1
_LONGEST_NAME: Final = 64
"""The most characters of a field's name that are compared; no name in the table is longer."""
_NAME: Final = r.like(rf"(?=.{{1,253}}\Z){r.SUBDOMAIN}", "lower-case letters, digits, '-' and '.'", may_lack=False)
_NAME_IF_ANY: Final = r.like(rf"(?=.{{1,253}}\Z){r.SUBDOMAIN}", "lower-case letters, digits, '-' and '.'")
_LABEL: Final = r.like(r.DNS_LABEL, f"{r.SMALL} 63")
_SERVICE: Final = r.like(r.SERVICE_NAME, "a Service's name: small letters, digits and '-'")
_HOST: Final = r.like(rf"(?![0-9.]+\Z)(\*\.)?{r.SUBDOMAIN}", "a host name in small letters, without port")
_KEY: Final = r.like(r.LABEL_KEY, f"a name of {r.LETTERS}")
_DATA_KEY: Final = r.like(r.DATA_KEY, "letters, digits, '-', '_' and '.', at most 253")
_WITHOUT_SLASH: Final = r.like(r"(?!\.{1,2}\Z)[^/%]+", "a name without / and %")
_DEFINED: Final = r"metadata\.(name|namespace|uid|(labels|annotations)\['[^']+'\])"
_PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")


_AT_LEAST_0: Final = r.between(0)
_USER: Final = r.between(0, _INT32)
_MODE: Final = r.between(0, 0o777)
_PROTOCOL: Final = r.one_of("TCP", "UDP", "SCTP")
_PROBE: Final = r.one_field("exec", "httpGet", "tcpSocket", "grpc")
_HOOK: Final = r.one_field("exec", "httpGet", "tcpSocket", "sleep")
_UP_TO_100: Final = r.count_or_percent(100)
_REQUIREMENT: Final = r.requirement("Gt", "Lt")
_RETENTION: Final = r.one_of("Retain", "Delete")
_LOCAL: Final = r.one_of("Cluster", "Local")
_UPDATE: Final = r.one_of("RollingUpdate", "OnDelete")

_TABLE: Final[tuple[tuple[Rule, str], ...]] = (
    # every object
    (r.labels, "spec.selector.matchLabels podSelector.matchLabels labelSelector.matchLabels selector.matchLabels"),
    (r.labels, "namespaceSelector.matchLabels nodeSelector"),
    (r.requirement(), "matchExpressions[]"),
    (_REQUIREMENT, "nodeSelectorTerms[].matchExpressions[] preference.matchExpressions[]"),
    (r.like(r"[^/]+/[^/]+|orphan|foregroundDeletion|kubernetes", "a name with a domain, such as acme.io/foo"),
     "metadata.finalizers[]"),
    (_AT_LEAST_0, "spec.replicas spec.minReadySeconds"),
    (_AT_LEAST_0, "Deployment.spec.revisionHistoryLimit DaemonSet.spec.revisionHistoryLimit"),
    # pods
    (combined.pod, "template.spec"),
    (r.non_empty, "template.spec.containers"),
    (_LABEL, "template.spec.hostname template.spec.subdomain"),
    (_NAME_IF_ANY, "template.spec.serviceAccountName template.spec.nodeName template.spec.priorityClassName"),
    (_NAME, "template.spec.runtimeClassName"),
    (r.one_of("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"), "template.spec.dnsPolicy"),
    (r.at_most_items(3), "dnsConfig.nameservers"),
    (r.address(), "dnsConfig.nameservers[] hostAliases[].ip"),
    (r.needs("name"), "dnsConfig.options[]"),
    (_NAME, "hostAliases[].hostnames[]"),
    (r.one_of("PreemptLowerPriority", "Never"), "template.spec.preemptionPolicy"),
    (r.one_of("linux", "windows"), "template.spec.os.name"),
    (_KEY, "readinessGates[].conditionType tolerations[].key"),
    (combined.toleration, "tolerations[]"),
    (r.one_of("Equal", "Exists"), "tolerations[].operator"),
    (r.one_of("NoSchedule", "PreferNoSchedule", "NoExecute"), "tolerations[].effect"),
    (r.all_of(r.needs("topologyKey"), combined.spread), "topologySpreadConstraints[]"),
    (r.unique_by("topologyKey", "whenUnsatisfiable"), "template.spec.topologySpreadConstraints"),
    (r.between(1), "topologySpreadConstraints[].maxSkew topologySpreadConstraints[].minDomains"),
    (r.one_of("DoNotSchedule", "ScheduleAnyway"), "topologySpreadConstraints[].whenUnsatisfiable"),
    (r.between(1, 100), "preferredDuringSchedulingIgnoredDuringExecution[].weight"),
    (r.needs("topologyKey"), "podAffinityTerm podAffinity.requiredDuringSchedulingIgnoredDuringExecution[]"),
    (r.needs("topologyKey"), "podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[]"),
    (r.non_empty, "nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"),
    (r.unique_by("name"), "template.spec.imagePullSecrets"),
    (r.unique_by("ip"), "template.spec.hostAliases"),
    # what a pod or a container may do
    (_USER, "securityContext.runAsUser securityContext.runAsGroup securityContext.fsGroup"),
    (_USER, "securityContext.supplementalGroups[]"),
    (r.one_of("Always", "OnRootMismatch"), "securityContext.fsGroupChangePolicy"),
    (r.one_of("Localhost", "RuntimeDefault", "Unconfined"), "seccompProfile.type appArmorProfile.type"),
    (combined.profile, "securityContext.seccompProfile securityContext.appArmorProfile"),
    (r.one_of("Default", "Unmasked"), "securityContext.procMount"),
    (combined.escalation, "containers[].securityContext initContainers[].securityContext"),
    (r.like(r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?", "a name of the kernel's settings"),
     "securityContext.sysctls[].name"),
    # containers
    (r.needs("name", "image"), "template.spec.containers[] template.spec.initContainers[]"),
    (r.one_of("Always", "IfNotPresent", "Never"), "containers[].imagePullPolicy initContainers[].imagePullPolicy"),
    (r.one_of("File", "FallbackToLogsOnError"), "containers[].terminationMessagePolicy"),
    (combined.resources, "containers[].resources initContainers[].resources"),
    (r.quantities, "resources.limits resources.requests"),
    (r.one_of("NotRequired", "RestartContainer"), "resizePolicy[].restartPolicy"),
    (r.all_of(r.unique_by("containerPort", "protocol"), r.unique_by("name"),
              r.unique_by("hostPort", "protocol", "hostIP")),
     "containers[].ports initContainers[].ports"),
    (r.needs("containerPort"), "containers[].ports[] initContainers[].ports[]"),
    (r.between(1, 65535), "ports[].containerPort spec.ports[].port grpc.port"),
    (r.port_name, "containers[].ports[].name initContainers[].ports[].name"),
    (_PROTOCOL, "ports[].protocol"),
    (r.between(0, 65535), "ports[].hostPort"),
    (r.unique_by("name"), "containers[].env initContainers[].env"),
    (r.all_of(r.needs("name"), combined.variable), "env[]"),
    (r.like(r"[ -<>-~]+", "characters of ASCII other than '='"), "env[].name"),
    (r.one_field("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"), "env[].valueFrom"),
    (r.needs("name", "key"), "valueFrom.configMapKeyRef valueFrom.secretKeyRef"),
    (_NAME_IF_ANY, "valueFrom.configMapKeyRef.name valueFrom.secretKeyRef.name"),
    (_DATA_KEY, "valueFrom.configMapKeyRef.key valueFrom.secretKeyRef.key"),
    (r.like(rf"{_DEFINED}|spec\.(nodeName|serviceAccountName)|status\.(host|pod)IPs?", "a field such as status.podIP"),
     "valueFrom.fieldRef.fieldPath"),
    (r.like(r"(limits|requests)\.(cpu|memory|ephemeral-storage|hugepages-.+)", "a field such as limits.cpu"),
     "resourceFieldRef.resource"),
    (r.like(r"1|1m|1[kMGTPE]|1[KMGTPE]i", "1, 1m, 1k, 1Ki or the like"), "resourceFieldRef.divisor"),
    (r.one_field("configMapRef", "secretRef"), "envFrom[]"),
    (r.needs("name"), "envFrom[].configMapRef envFrom[].secretRef"),
    (_NAME_IF_ANY, "envFrom[].configMapRef.name envFrom[].secretRef.name"),
    # probes and hooks
    (_PROBE, "livenessProbe startupProbe"),
    (r.all_of(_PROBE, r.absent("terminationGracePeriodSeconds", "in a readinessProbe")), "readinessProbe"),
    (_HOOK, "lifecycle.preStop lifecycle.postStart"),
    *((_AT_LEAST_0, f"{probe}.{field}") for probe in _PROBES for field in
      ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "failureThreshold")),
    (_AT_LEAST_0, "readinessProbe.successThreshold"),
    (r.between(0, 1), "livenessProbe.successThreshold startupProbe.successThreshold"),
    (r.between(1), "livenessProbe.terminationGracePeriodSeconds startupProbe.terminationGracePeriodSeconds"),
    (r.needs("command"), "livenessProbe.exec readinessProbe.exec startupProbe.exec preStop.exec postStart.exec"),
    (r.needs("port"), "httpGet tcpSocket grpc"),
    (r.port, "httpGet.port tcpSocket.port"),
    (r.one_of("HTTP", "HTTPS"), "httpGet.scheme"),
    (r.like("[-A-Za-z0-9]+", "letters, digits and '-'", may_lack=False), "httpGet.httpHeaders[].name"),
    # volumes
    (r.unique_by("name"), "template.spec.volumes"),
    (r.all_of(r.needs("name"), combined.single("name")), "template.spec.volumes[]"),
    (combined.single(), "projected.sources[]"),
    (_LABEL, "template.spec.volumes[].name"),
    (r.quantity(), "emptyDir.sizeLimit"),
    (r.needs("name"), "volumes[].configMap sources[].configMap sources[].secret"),
    (r.needs("secretName"), "volumes[].secret"),
    (r.needs("claimName"), "volumes[].persistentVolumeClaim"),
    (r.needs("path"), "volumes[].hostPath"),
    (r.needs("driver"), "volumes[].csi"),
    (r.needs("server", "path"), "volumes[].nfs"),
    (r.like("/.*", "a path that begins with /"), "nfs.path"),
    (r.like(r"(?!(.*/)?\.\.(/|\Z)).*", "a path without '..'"), "hostPath.path"),
    (r.one_of("BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"),
     "hostPath.type"),
    (_MODE, "configMap.defaultMode secret.defaultMode downwardAPI.defaultMode projected.defaultMode items[].mode"),
    (r.needs("key", "path"), "configMap.items[] secret.items[]"),
    (r.relative, "items[].path volumeMounts[].subPath serviceAccountToken.path"),
    (r.all_of(r.needs("path"), r.one_field("fieldRef", "resourceFieldRef")), "downwardAPI.items[]"),
    (r.like(rf"{_DEFINED}|metadata\.(labels|annotations)", "a field such as metadata.labels"),
     "items[].fieldRef.fieldPath"),
    (r.between(600, 2**32), "serviceAccountToken.expirationSeconds"),
    (r.unique_by("mountPath"), "containers[].volumeMounts initContainers[].volumeMounts"),
    (r.all_of(r.needs("name", "mountPath"), r.one_field("subPath", "subPathExpr", needed=False, counts=bool)),
     "volumeMounts[]"),
    (r.one_of("Bidirectional", "HostToContainer", "None"), "volumeMounts[].mountPropagation"),
    (combined.claim, "volumeClaimTemplates[].spec volumeClaimTemplate.spec PersistentVolumeClaim.spec"),
    (r.one_of("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"), "spec.accessModes[]"),
    (r.one_of("Block", "Filesystem"), "spec.volumeMode"),
    (_NAME_IF_ANY, "spec.storageClassName"),
    (r.needs("kind", "name"), "spec.dataSource spec.dataSourceRef"),
    # workloads
    (combined.deployment, "Deployment.spec"),
    (r.one_of("Recreate", "RollingUpdate"), "Deployment.spec.strategy.type"),
    (_UP_TO_100, "rollingUpdate.maxUnavailable"),
    (r.count_or_percent(None), "rollingUpdate.maxSurge"),
    (combined.daemon_set, "DaemonSet.spec"),
    (_UPDATE, "spec.updateStrategy.type"),
    (combined.stateful_set, "StatefulSet.spec"),
    (_LABEL, "StatefulSet.spec.serviceName"),
    (r.one_of("OrderedReady", "Parallel"), "spec.podManagementPolicy"),
    (_AT_LEAST_0, "rollingUpdate.partition spec.ordinals.start"),
    (_RETENTION, "persistentVolumeClaimRetentionPolicy.whenDeleted persistentVolumeClaimRetentionPolicy.whenScaled"),
    (combined.workload, "ReplicaSet.spec"),
    (combined.job, "Job.spec jobTemplate.spec"),
    (_AT_LEAST_0, "Job.spec.parallelism Job.spec.completions Job.spec.backoffLimit Job.spec.activeDeadlineSeconds"),
    (_AT_LEAST_0, "jobTemplate.spec.parallelism jobTemplate.spec.completions jobTemplate.spec.backoffLimit"),
    (_AT_LEAST_0, "spec.ttlSecondsAfterFinished spec.backoffLimitPerIndex spec.maxFailedIndexes"),
    (r.between(1, _INT32), "template.spec.activeDeadlineSeconds"),
    (r.one_of("NonIndexed", "Indexed"), "spec.completionMode"),
    (r.one_of("Failed", "TerminatingOrFailed"), "spec.podReplacementPolicy"),
    (r.like(r"[^/.]+(\.[^/.]+)+/[^/]+", "a name with a domain, such as acme.io/foo"), "spec.managedBy"),
    (r.one_of("Count", "FailIndex", "FailJob", "Ignore"), "podFailurePolicy.rules[].action"),
    (combined.failure_rule, "podFailurePolicy.rules[]"),
    (r.is_false, "jobTemplate.spec.manualSelector"),
    (combined.schedule, "CronJob.spec.schedule"),
    (r.like(r"(?!(?i:local)\Z)[A-Za-z][-+_/A-Za-z0-9]*", "a time zone such as Europe/Berlin", may_lack=False),
     "CronJob.spec.timeZone"),
    (r.one_of("Allow", "Forbid", "Replace"), "CronJob.spec.concurrencyPolicy"),
    (_AT_LEAST_0, "spec.startingDeadlineSeconds spec.successfulJobsHistoryLimit spec.failedJobsHistoryLimit"),
    (combined.autoscaler, "HorizontalPodAutoscaler.spec"),
    (r.between(1), "spec.maxReplicas spec.minReplicas"),
    (r.needs("kind", "name"), "spec.scaleTargetRef"),
    (_WITHOUT_SLASH, "spec.scaleTargetRef.name metric.name"),
    (combined.metric, "spec.metrics[]"),
    (r.one_of("ContainerResource", "External", "Object", "Pods", "Resource"), "spec.metrics[].type"),
    (r.one_of("Utilization", "Value", "AverageValue"), "target.type"),
    (combined.target("averageUtilization", "averageValue"), "resource.target containerResource.target"),
    (combined.target("averageValue"), "pods.target"),
    (combined.target("averageValue", "value"), "object.target external.target"),
    (r.between(1), "target.averageUtilization"),
    (r.quantity(above_zero=True), "target.averageValue target.value"),
    (r.needs("name"), "metrics[].resource"),
    (r.needs("name", "container"), "metrics[].containerResource"),
    (r.between(0, 3600), "scaleUp.stabilizationWindowSeconds scaleDown.stabilizationWindowSeconds"),
    (r.non_empty, "scaleUp.policies scaleDown.policies"),
    (r.one_of("Disabled", "Max", "Min"), "scaleUp.selectPolicy scaleDown.selectPolicy"),
    (r.one_of("Percent", "Pods"), "policies[].type"),
    (r.between(1), "policies[].value"),
    (r.between(1, 1800), "policies[].periodSeconds"),
    (combined.budget, "PodDisruptionBudget.spec"),
    (_UP_TO_100, "spec.minAvailable spec.maxUnavailable"),
    (r.one_of("AlwaysAllow", "IfHealthyBudget"), "spec.unhealthyPodEvictionPolicy"),
    # the network
    (combined.service, "Service.spec"),
    (r.labels, "Service.spec.selector"),
    (r.one_of("ClusterIP", "ExternalName", "LoadBalancer", "NodePort"), "Service.spec.type"),
    (r.all_of(r.unique_by("port", "protocol"), r.unique_by("nodePort", "protocol")), "Service.spec.ports"),
    (r.target_port, "Service.spec.ports[].targetPort"),
    (_LABEL, "Service.spec.ports[].name"),
    (_KEY, "ports[].appProtocol"),
    (r.like(r"None|[0-9a-fA-F:.]+", "an IP address, or None"), "spec.clusterIP"),
    (_NAME_IF_ANY, "spec.externalName"),
    (r.one_of("ClientIP", "None"), "spec.sessionAffinity"),
    (r.between(1, 86400), "clientIP.timeoutSeconds"),
    (_LOCAL, "spec.externalTrafficPolicy spec.internalTrafficPolicy"),
    (r.network, "spec.loadBalancerSourceRanges[]"),
    (r.address(outside=True), "spec.externalIPs[]"),
    (r.one_of("IPv4", "IPv6"), "spec.ipFamilies[]"),
    (r.distinct, "spec.ipFamilies"),
    (r.one_of("PreferDualStack", "RequireDualStack", "SingleStack"), "spec.ipFamilyPolicy"),
    (r.one_of("PreferClose", "PreferSameZone", "PreferSameNode"), "spec.trafficDistribution"),
    (combined.ingress, "Ingress.spec"),
    (combined.backend, "defaultBackend paths[].backend"),
    (r.needs("name"), "defaultBackend.service backend.service"),
    (_SERVICE, "backend.service.name defaultBackend.service.name"),
    (r.between(0, 65535), "service.port.number"),
    (r.port_name, "service.port.name"),
    (_NAME, "spec.ingressClassName"),
    (_HOST, "Ingress.spec.rules[].host spec.tls[].hosts[]"),
    (r.non_empty, "http.paths"),
    (r.all_of(r.needs("backend", "pathType"), combined.ingress_path), "http.paths[]"),
    (r.one_of("Exact", "ImplementationSpecific", "Prefix"), "http.paths[].pathType"),
    (_NAME_IF_ANY, "spec.tls[].secretName"),
    (r.one_of("Ingress", "Egress"), "spec.policyTypes[]"),
    (r.at_most_items(2), "spec.policyTypes"),
    (combined.peer, "ingress[].from[] egress[].to[]"),
    (combined.block, "from[].ipBlock to[].ipBlock"),
    (combined.network_port, "NetworkPolicy.spec.ingress[].ports[] NetworkPolicy.spec.egress[].ports[]"),
    (r.port, "ingress[].ports[].port egress[].ports[].port"),
    # settings, rights
    (combined.secret, "Secret"),
    (combined.config, "ConfigMap"),
    (r.base64, "Secret.data ConfigMap.binaryData"),
    (combined.right, "Role.rules[]"),
    (r.needs("name"), "roleRef"),
    (combined.subject, "subjects[]"),
    (r.one_of("ServiceAccount", "User", "Group"), "subjects[].kind"),
    (r.one_of("Role", "ClusterRole"), "RoleBinding.roleRef.kind"),
    (r.one_of("rbac.authorization.k8s.io"), "roleRef.apiGroup subjects[].apiGroup"),
)  # fmt: skip


def _rules_by_last_step() -> Mapping[str, tuple[tuple[str, Rule], ...]]:
    """Endings of paths with their rules, the longest first, by their last step."""
    rules: dict[str, list[tuple[str, Rule]]] = {}
    for rule, endings in _TABLE:
        for ending in endings.split():
            rules.setdefault(ending.rpartition(".")[2], []).append((ending, rule))
    return {last: tuple(sorted(listed, key=lambda each: -len(each[0]))) for last, listed in rules.items()}


_FIELDS: Final = _rules_by_last_step()
KINDS: Final = frozenset(
    {
        *(
            ("v1", kind)
            for kind in ("ConfigMap", "PersistentVolumeClaim", "Pod", "Secret", "Service", "ServiceAccount")
        ),
        *(("apps/v1", kind) for kind in ("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet")),
        *(("batch/v1", kind) for kind in ("CronJob", "Job")),
        *(("networking.k8s.io/v1", kind) for kind in ("Ingress", "NetworkPolicy")),
        *(("rbac.authorization.k8s.io/v1", kind) for kind in ("Role", "RoleBinding")),
        ("autoscaling/v2", "HorizontalPodAutoscaler"),
        ("policy/v1", "PodDisruptionBudget"),
    }
)
"""The kinds that the table has rules for."""


def together_problems(document: Document, value: Mapping[str, Any]) -> Iterator[Problem]:
    """`value` is the document's value with its names replaced."""
    hides = value.get("kind") == "Secret"
    for steps, expected in faults(value):
        got = "something else" if hides else short_value(_value_at(value, steps))
        yield document.problem(steps, expected=expected, got=got)


def faults(value: Mapping[str, Any]) -> Faults:
    """The places of an object that an API server refuses, and what it expects there."""
    kind = str(value.get("kind"))
    if (str(value.get("apiVersion")), kind) in KINDS:
        metadata = {
            name: content for name, content in mapping(value.get("metadata")).items() if name != "managedFields"
        }
        checked = {name: held for name, held in value.items() if name != "status"} | {"metadata": metadata}
        yield from _walk(checked, (), "template" if kind == "Pod" else kind)
        for at, container in containers(value):
            problem = combined.container(value, container, runs_on=at[-2] != "initContainers")
            yield from (((*at, *steps), expected) for steps, expected in problem)


def _walk(value: Any, steps: Steps, path: str) -> Faults:
    for ending, rule in _FIELDS.get(path.rpartition(".")[2], ()):
        if path == ending or path.endswith(f".{ending}"):
            yield from (((*steps, *at), expected) for at, expected in rule(value))
            break
    if isinstance(value, Mapping):
        for name, content in value.items():
            # A key with dots, as in a ConfigMap, is one step.
            yield from _walk(content, (*steps, name), f"{path}.{str(name)[:_LONGEST_NAME].replace('.', '·')}")
    elif isinstance(value, list):
        for number, content in enumerate(value):
            yield from _walk(content, (*steps, number), f"{path}[]")


def _value_at(value: Any, steps: Steps) -> Any:
    for step in steps:
        if isinstance(value, list) and isinstance(step, int):
            value = value[step] if step < len(value) else None
        else:
            value = mapping(value).get(str(step))
    return value
