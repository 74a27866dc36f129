"""The requests that were sent to a real API server, by situation; its responses are in `tests/recorded/kubernetes`.

Each situation has a namespace of its own, `rec`. In a request, `$uid` and `$version` stand for the uid and the
resourceVersion in the response before it, `$stale` for a resourceVersion of long ago, and `$continue` in a path for the
token of a list's next page.
"""

from .asking import (
    APPLY,
    APPS,
    AUTH,
    BATCH,
    CORE,
    DEFINITIONS,
    EMPTY,
    FORCE,
    JSON_PATCH,
    LEASES,
    NAMES_ONLY,
    NETWORK,
    RBAC,
    STRATEGIC,
    STRICT,
    Request,
    apply,
    binding,
    boat,
    boats,
    config,
    container,
    definition,
    delete,
    deployment,
    get,
    ingress,
    job,
    lease,
    manifest,
    patch,
    post,
    put,
    secret,
    served_kind,
    service,
    stateful_set,
    template,
    until,
    with_metadata,
)

SITUATIONS: dict[str, tuple[Request, ...]] = {
    # objects and names
    "an object is created, read, created again and read where it is not": (
        post(f"{CORE}/configmaps", config(a="1")),
        get(f"{CORE}/configmaps/settings"),
        post(f"{CORE}/configmaps", config(a="1")),
        get(f"{CORE}/configmaps/none"),
        delete(f"{CORE}/configmaps/none"),
    ),
    "a namespace is not there": (
        post("/api/v1/namespaces/nowhere/configmaps", config()),
        apply("/api/v1/namespaces/nowhere", "configmaps", config()),
        get("/api/v1/namespaces/nowhere/configmaps"),
    ),
    "a name that is none, and one that is too long": (
        post(f"{CORE}/configmaps", config("Not_A_Name")),
        post(f"{CORE}/configmaps", config("x" * 254)),
        post(f"{CORE}/services", {**service(), "metadata": {"name": "x" * 64}}),
    ),
    "the name on the address is another one": (
        Request(method="PATCH", path=f"{CORE}/configmaps/other?{FORCE}", body=config(), media=APPLY),
        post(f"{CORE}/configmaps", {**config(), "metadata": {"name": "settings", "namespace": "other"}}),
    ),
    "a kind that nobody knows": (
        get("/apis/example.slipway.dev/v1"),
        get("/apis/example.slipway.dev/v1/namespaces/rec/boats"),
        get(f"{CORE}/boats"),
        get(f"{CORE}/configmaps/settings/boats"),
    ),
    "a body of another kind or version": (
        apply(CORE, "configmaps", {**config(), "kind": "Secret"}),
        apply(APPS, "deployments", {**deployment(), "apiVersion": "apps/v1beta1"}),
        post(f"{CORE}/configmaps", {**config(), "kind": "Secret"}),
    ),
    "bodies that cannot be read": (
        Request(method="POST", path=f"{CORE}/configmaps", body="text"),
        Request(method="POST", path=f"{CORE}/configmaps"),
        Request(method="PATCH", path=f"{CORE}/configmaps/settings?{FORCE}", media=APPLY),
    ),
    # server-side apply
    "an apply creates, changes nothing, changes, and takes away": (
        apply(CORE, "configmaps", config(a="1", b="2")),
        apply(CORE, "configmaps", config(a="1", b="2")),
        apply(CORE, "configmaps", config(a="3")),
    ),
    "an apply needs a manager": (apply(CORE, "configmaps", config(a="1"), "force=true"),),
    "an apply meets what somebody else set": (
        apply(CORE, "configmaps", config(a="1")),
        patch(f"{CORE}/configmaps/settings?fieldManager=someone", {"data": {"a": "theirs", "b": "theirs"}}),
        apply(CORE, "configmaps", config(a="1"), "fieldManager=slipway"),
        apply(CORE, "configmaps", config(a="1")),
    ),
    "two managers apply the same value, and one leaves it": (
        apply(CORE, "configmaps", config(a="1")),
        apply(CORE, "configmaps", config(a="1"), "fieldManager=other"),
        apply(CORE, "configmaps", config()),
        apply(CORE, "configmaps", config(), "fieldManager=other"),
    ),
    "a dry run": (
        apply(CORE, "configmaps", config(a="1"), f"{FORCE}&dryRun=All"),
        get(f"{CORE}/configmaps/settings"),
        apply(CORE, "configmaps", config(a="1"), f"{FORCE}&dryRun=Some"),
    ),
    "fields that the kind does not have": (
        apply(APPS, "deployments", deployment({"colour": "red"})),
        apply(APPS, "deployments", deployment({"colour": "red"}), STRICT),
        post(f"{APPS}/deployments?fieldValidation=Strict", deployment({"colour": "red", "size": 1})),
        post(f"{APPS}/deployments?dryRun=All", deployment({"colour": "red"})),
        post(f"{APPS}/deployments?dryRun=All&fieldValidation=Ignore", deployment({"colour": "red"})),
        post(f"{APPS}/deployments?fieldValidation=Sometimes", deployment()),
    ),
    "values of another type": (
        apply(APPS, "deployments", deployment({"replicas": "three"})),
        apply(CORE, "configmaps", config(a=1)),
        apply(CORE, "configmaps", {**config(), "data": ["a"]}),
        post(f"{APPS}/deployments", deployment({"replicas": "three"})),
        post(f"{CORE}/configmaps", config(a=1)),
    ),
    "list items that stand twice": (
        apply(APPS, "deployments", deployment(env=[{"name": "A", "value": "1"}, {"name": "A", "value": "2"}])),
        apply(APPS, "deployments", deployment(ports=[{"containerPort": 80}, {"containerPort": 80}])),
        apply(CORE, "services", service(ports=[{"port": 80, "name": "a"}, {"port": 80, "name": "b"}])),
    ),
    "a quantity that is none": (
        apply(APPS, "deployments", deployment(resources={"limits": {"cpu": "lots"}})),
        post(f"{APPS}/deployments", deployment(resources={"limits": {"cpu": "lots"}})),
    ),
    "an apply with the uid and version that were read": (
        apply(CORE, "configmaps", config(a="1")),
        apply(CORE, "configmaps", with_metadata(config(a="2"), uid="$uid", resourceVersion="$version")),
        apply(CORE, "configmaps", with_metadata(config(a="3"), resourceVersion="$stale")),
        apply(CORE, "configmaps", with_metadata(config(a="3"), resourceVersion="0")),
        apply(CORE, "configmaps", with_metadata(config(a="4"), uid="11111111-1111-4111-8111-111111111111")),
    ),
    "an apply with a uid or version of what is gone": (
        apply(CORE, "configmaps", with_metadata(config("a", k="1"), resourceVersion="$stale")),
        apply(CORE, "configmaps", with_metadata(config("b", k="1"), uid="11111111-1111-4111-8111-111111111111")),
    ),
    "an apply that names managed fields": (apply(CORE, "configmaps", with_metadata(config(), managedFields=[{}])),),
    # other writes
    "an update of a version that is old": (
        post(f"{CORE}/configmaps", config(a="1")),
        put(f"{CORE}/configmaps/settings", with_metadata(config(a="2"), resourceVersion="$version")),
        put(f"{CORE}/configmaps/settings", with_metadata(config(a="3"), resourceVersion="$stale")),
        put(f"{CORE}/configmaps/none", config("none")),
    ),
    "patches of each kind, and of none": (
        post(f"{CORE}/configmaps", config(a="1", b="2")),
        patch(f"{CORE}/configmaps/settings", {"data": {"a": None, "c": "3"}}),
        patch(f"{CORE}/configmaps/settings", {"data": {"d": "4"}}, STRATEGIC),
        patch(f"{CORE}/configmaps/settings", [{"op": "remove", "path": "/data/d"}], JSON_PATCH),
        patch(f"{CORE}/configmaps/settings", {"data": {}}, "application/json"),
        patch(f"{CORE}/configmaps/settings", {"data": {}}, "text/plain"),
    ),
    "deleting with preconditions": (
        post(f"{CORE}/configmaps", config(a="1")),
        delete(f"{CORE}/configmaps/settings", {"preconditions": {"uid": "11111111-1111-4111-8111-111111111111"}}),
        delete(f"{CORE}/configmaps/settings", {"preconditions": {"resourceVersion": "$stale"}}),
        delete(f"{CORE}/configmaps/settings", {"propagationPolicy": "Sideways"}),
        delete(f"{CORE}/configmaps/settings", {"dryRun": ["All"]}),
        delete(f"{CORE}/configmaps/settings?dryRun=All"),
        delete(f"{CORE}/configmaps/settings?dryRun=All", {"propagationPolicy": "Background"}),
        get(f"{CORE}/configmaps/settings"),
        delete(f"{CORE}/configmaps/settings"),
    ),
    "a Lease that orders rollouts": (
        post(LEASES, lease("1")),
        put(f"{LEASES}/order", lease("2", resourceVersion="$version")),
        put(f"{LEASES}/order", lease("3", resourceVersion="$stale")),
        put(f"{LEASES}/order", lease("3")),
    ),
    "a fence that somebody takes away": (
        post(LEASES, lease("1", annotations={"slipway.dev/fence": "{}"})),
        patch(f"{LEASES}/order?fieldManager=kubectl-edit", {"metadata": {"annotations": {"slipway.dev/fence": None}}}),
    ),
    # what may not be, or may not change
    "a Deployment's selector": (
        apply(APPS, "deployments", deployment()),
        apply(APPS, "deployments", deployment({"selector": {"matchLabels": {"app": "other"}}})),
        apply(
            APPS,
            "deployments",
            deployment(
                {
                    "selector": {"matchLabels": {"app": "other"}},
                    "template": {**template(), "metadata": {"labels": {"app": "other"}}},
                }
            ),
        ),
    ),
    "from RollingUpdate to Recreate": (
        apply(APPS, "deployments", deployment()),
        apply(APPS, "deployments", deployment({"strategy": {"type": "Recreate"}})),
        apply(APPS, "deployments", deployment({"strategy": {"type": "Recreate", "rollingUpdate": None}})),
        patch(
            f"{APPS}/deployments/web?fieldManager=slipway",
            {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}},
        ),
        apply(APPS, "deployments", deployment({"strategy": {"type": "Recreate"}})),
    ),
    "a Job's template": (
        apply(BATCH, "jobs", job()),
        apply(BATCH, "jobs", job(image="registry.example/web:2")),
        apply(BATCH, "jobs", job(backoffLimit=3)),
    ),
    "a StatefulSet's claims": (
        apply(APPS, "statefulsets", stateful_set()),
        apply(APPS, "statefulsets", stateful_set(serviceName="other")),
    ),
    "another role in a binding": (
        apply(RBAC, "rolebindings", binding("one")),
        apply(RBAC, "rolebindings", binding("two")),
    ),
    "keys and sizes of a ConfigMap": (
        apply(CORE, "configmaps", {**config(), "data": {"a/b": "1"}}),
        apply(CORE, "configmaps", {**config(), "data": {"a": "x" * 1_048_577}}),
    ),
    "an immutable ConfigMap": (
        apply(CORE, "configmaps", {**config(a="1"), "immutable": True}),
        apply(CORE, "configmaps", {**config(a="2"), "immutable": True}),
    ),
    "a Secret's stringData": (
        apply(CORE, "secrets", secret(stringData={"a": "1", "b": "2"})),
        apply(CORE, "secrets", secret(stringData={"a": "1"})),
        apply(CORE, "secrets", secret(data={"a": "MQ=="})),
        apply(CORE, "secrets", secret(data={"a": "%%%"})),
    ),
    "an Ingress with and without the type of its path": (
        apply(NETWORK, "ingresses", ingress()),
        apply(NETWORK, "ingresses", ingress(pathType="Prefix")),
    ),
    "what a Service may not be": (
        apply(CORE, "services", service(ports=[{"port": 0}])),
        apply(CORE, "services", service(ports=[{"port": 80}, {"port": 81}])),
        apply(CORE, "services", service(ports=[])),
    ),
    "replicas, ports and names that may not be": (
        apply(APPS, "deployments", deployment({"replicas": -1})),
        apply(APPS, "deployments", deployment(name="Main")),
        apply(APPS, "deployments", deployment(imagePullPolicy="Allways")),
        apply(APPS, "deployments", deployment({"template": {**template(), "spec": {"containers": []}}})),
        apply(BATCH, "jobs", {**job(), "spec": {"template": {"spec": {"containers": [container()]}}}}),
    ),
    # what the server fills in
    "the defaults of a Deployment": (
        apply(
            APPS, "deployments", deployment(ports=[{"containerPort": 80}], readinessProbe={"tcpSocket": {"port": 80}})
        ),
        apply(APPS, "deployments", with_metadata(deployment(), annotations={"a": "b"})),
    ),
    "the defaults of a StatefulSet": (apply(APPS, "statefulsets", stateful_set()),),
    "the defaults of a Job": (apply(BATCH, "jobs", job()),),
    "the defaults of a Service": (
        apply(CORE, "services", service()),
        apply(CORE, "services", service(), f"{FORCE}&dryRun=All"),
    ),
    "how many replicas": (
        apply(APPS, "deployments", deployment()),
        get(f"{APPS}/deployments/web/scale"),
        patch(f"{APPS}/deployments/web/scale", {"spec": {"replicas": 2}}),
    ),
    # lists
    "lists by label, by field, and of names only": (
        *(
            post(f"{CORE}/configmaps", with_metadata(config(name, **data), labels={"of": name}))
            for name, data in EMPTY.items()
        ),
        get(f"{CORE}/configmaps?labelSelector=of%3Da"),
        get(f"{CORE}/configmaps?fieldSelector=metadata.name%3Db"),
        get(f"{CORE}/configmaps?labelSelector=of%3D%3D%3Da"),
        get(f"{CORE}/configmaps?fieldSelector=data.k%3D1"),
        get(f"{CORE}/configmaps?labelSelector=of%3Da", Accept=NAMES_ONLY),
    ),
    "lists page by page": (
        *(
            post(f"{CORE}/secrets", with_metadata(manifest("v1", "Secret", name), labels=labels))
            for name, labels in {"a": {"of": "x"}, "b": {"of": "y"}, "c": {"of": "x"}}.items()
        ),
        get(f"{CORE}/secrets?limit=2"),
        get(f"{CORE}/secrets?limit=2&continue=$continue"),
        get(f"{CORE}/secrets?labelSelector=of%3Dx&limit=1", Accept=NAMES_ONLY),
        get(f"{CORE}/secrets?labelSelector=of%3Dx&limit=1&continue=$continue", Accept=NAMES_ONLY),
        get(f"{CORE}/secrets?labelSelector=of%3Dy&limit=1"),
        get(f"{CORE}/secrets?labelSelector=of%3Dy&limit=1&continue=$continue"),
        get(f"{CORE}/secrets?limit=1&continue=nonsense"),
        get(f"{CORE}/secrets?limit=many"),
    ),
    "an apply to what is being deleted": (
        apply(CORE, "configmaps", with_metadata(config(a="1"), finalizers=["example.com/keep"])),
        delete(f"{CORE}/configmaps/settings"),
        apply(CORE, "configmaps", with_metadata(config(a="2"), finalizers=["example.com/keep"])),
        apply(CORE, "configmaps", with_metadata(config(a="2"), finalizers=["example.com/keep", "example.com/more"])),
        apply(CORE, "configmaps", config(a="3")),
        get(f"{CORE}/configmaps/settings"),
    ),
    "media types of an answer": (
        get(f"{CORE}/services", Accept="*/*"),
        get(f"{CORE}/services", Accept="text/html"),
        get(f"{CORE}/services", Accept="text/html, application/json;q=0.8"),
    ),
    # who may what
    "what one may do": (
        post(
            f"{AUTH}/selfsubjectaccessreviews",
            manifest(
                "authorization.k8s.io/v1", "SelfSubjectAccessReview", "", spec={"resourceAttributes": {"verb": "get"}}
            ),
        ),
        post(f"{AUTH}/selfsubjectaccessreviews", {"kind": "SelfSubjectAccessReview", "spec": {}}),
    ),
    "who one is": (
        post("/apis/authentication.k8s.io/v1/selfsubjectreviews", {"kind": "SelfSubjectReview"}),
        post("/apis/authentication.k8s.io/v1/selfsubjectreviews", {"kind": "SelfSubjectAccessReview"}),
    ),
    "what a namespace begins with": (
        get(f"{CORE}/serviceaccounts"),
        get(f"{CORE}/configmaps/kube-root-ca.crt"),
    ),
    # definitions
    "a kind is not there until its definition is served": (
        get(f"{boats('a.example')}/boats"),
        post(f"{boats('a.example')}/boats", boat("a.example")),
        apply(boats("a.example"), "boats", boat("a.example")),
        post(DEFINITIONS, definition("a.example")),
        until(200, f"{boats('a.example')}/boats"),
        get("/apis/a.example/v1"),
        get("/apis/a.example"),
        get(f"{boats('a.example')}/ships"),
        post(DEFINITIONS, definition("a.example")),
        apply(boats("a.example"), "boats", boat("a.example")),
        get(f"{boats('a.example')}/boats/ada"),
    ),
    "a custom resource is pruned by its definition, and gets its defaults": (
        *served_kind("b.example"),
        post(f"{boats('b.example')}/boats", boat("b.example", {"size": 1, "sails": 2}, cargo={"a": 1})),
        get(f"{boats('b.example')}/boats/ada"),
        patch(f"{boats('b.example')}/boats/ada", {"spec": {"sails": 3, "free": {"any": [1, {"b": 2}]}}}),
        patch(f"{boats('b.example')}/boats/ada?fieldValidation=Ignore", {"spec": {"sails": 3, "labels": {"a": "b"}}}),
        post(f"{boats('b.example')}/boats?fieldValidation=Strict", boat("b.example", {"size": 1, "sails": 2})),
        patch(f"{boats('b.example')}/boats/ada", {"spec": {"crew": [{"name": "ben", "age": 7}]}}),
        patch(f"{boats('b.example')}/boats/ada", {"spec": {"size": 2}}, STRATEGIC),
    ),
    "a custom resource that its definition refuses": (
        *served_kind("c.example"),
        post(f"{boats('c.example')}/boats", boat("c.example", {"size": "large"})),
        post(f"{boats('c.example')}/boats", boat("c.example", {})),
        post(f"{boats('c.example')}/boats", boat("c.example", {"size": 1, "colour": "green"})),
        post(f"{boats('c.example')}/boats", boat("c.example", {"size": True})),
        post(f"{boats('c.example')}/boats", boat("c.example", {"size": 1, "crew": {}})),
        post(f"{boats('c.example')}/boats", boat("c.example", [])),
        apply(boats("c.example"), "boats", boat("c.example", {"size": "large"})),
        apply(boats("c.example"), "boats", boat("c.example", {"size": 1, "sails": 2})),
        apply(boats("c.example"), "boats", boat("c.example", {})),
    ),
    "two managers apply a custom resource": (
        *served_kind("d.example"),
        apply(boats("d.example"), "boats", boat("d.example", {"size": 1, "crew": [{"name": "a"}]})),
        apply(
            boats("d.example"),
            "boats",
            boat("d.example", {"size": 1, "crew": [{"name": "b"}]}),
            "fieldManager=other",
        ),
        apply(
            boats("d.example"),
            "boats",
            boat("d.example", {"size": 1, "crew": [{"name": "b"}]}),
            "fieldManager=other&force=true",
        ),
        apply(boats("d.example"), "boats", boat("d.example", {"size": 1})),
        apply(boats("d.example"), "boats", boat("d.example", {"size": 2})),
    ),
    "definitions that are refused": (
        post(DEFINITIONS, definition("e.example", name="ships.e.example")),
        post(DEFINITIONS, definition("e.example", schema={})),
        post(DEFINITIONS, definition("e.example", schema={"properties": {}})),
        post(DEFINITIONS, definition("e.example", schema={"type": "object", "properties": {"spec": {}}})),
        get(f"{DEFINITIONS}/boats.e.example"),
    ),
    "objects go with their definition": (
        *served_kind("f.example", status=False),
        post(f"{boats('f.example')}/boats", boat("f.example")),
        patch(f"{boats('f.example')}/boats/ada", {"status": {"well": True}}),
        delete(f"{DEFINITIONS}/boats.f.example"),
        until(404, f"{DEFINITIONS}/boats.f.example"),
        until(404, f"{boats('f.example')}/boats"),
    ),
}
