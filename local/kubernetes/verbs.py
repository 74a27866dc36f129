"""The operations on objects: create, read, list, replace, patch, apply, delete."""

import copy

from . import known, schema
from .access import Access, Attempt
from .errors import ApiError, FieldFault, bad_request, invalid, invalid_options, modified, uid_mismatch
from .exchange import Reply, Request
from .merge import json_merge, json_patch, strategic_merge
from .ownership import record_update, server_side_apply
from .paging import paging
from .resources import Json, Resource
from .settings import Token
from .store import Store
from .warnings import of_object

APPLY = "application/apply-patch+yaml"
STRATEGIC = "application/strategic-merge-patch+json"
_NOT_FOR_CUSTOM = (
    "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, "
    "application/merge-patch+json, application/apply-patch+yaml"
)
_OBJECT_RETURNED = frozenset({"Pod", "Service", "Namespace", "ServiceAccount", "PersistentVolumeClaim"})
"""Kinds whose DELETE returns the object; the others return a Status."""


class Verbs:
    """Requests for one kind, carried out on the store. Called with the store's lock held for writes."""

    def __init__(self, store: Store, access: Access) -> None:
        self._store = store
        self._access = access

    def read(self, resource: Resource, namespace: str | None, name: str) -> Json:
        return self._store.need(resource, namespace, name)

    def list(self, resource: Resource, namespace: str | None, request: Request) -> Json:
        labels, fields = request.query.get("labelSelector"), request.query.get("fieldSelector")
        page = paging(request.query)
        with self._store.changed:
            matching = self._store.find(resource, namespace, labels=labels, fields=fields)
            all_objects = self._store.find(resource, namespace)
            version = str(self._store.version)
        items, following = page.cut(all_objects, matching, selective=bool(labels or fields))
        return {
            "kind": f"{resource.kind}List",
            "apiVersion": resource.api_version,
            "metadata": {
                "resourceVersion": version,
                **({} if resource.structural is None else {"continue": ""}),
                **following,
            },
            "items": [{k: v for k, v in item.items() if k not in ("apiVersion", "kind")} for item in items],
        }

    def create(self, resource: Resource, namespace: str | None, request: Request) -> Reply:
        body = request.object()
        _check_identity(resource, body)
        stated_namespace = body["metadata"].get("namespace")
        if resource.namespaced and stated_namespace and stated_namespace != namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        body, warnings = _clean(resource, body, request)
        body |= {"apiVersion": resource.api_version, "kind": resource.kind}
        body["metadata"].pop("managedFields", None)
        if body["metadata"].get("resourceVersion"):
            raise bad_request("resourceVersion should not be set on objects to be created")
        record_update(None, body, manager=request.manager, subresource="", time=self._store.timestamp())
        created = self._store.create(resource, namespace, body, dry_run=request.dry_run)
        return Reply.of(created, 201, (*warnings, *of_object(created)))

    def replace(
        self, resource: Resource, namespace: str | None, name: str, subresource: str, request: Request
    ) -> Reply:
        old = self._store.need(resource, namespace, name)
        body = request.object()
        _check_identity(resource, body)
        _check_name(body, name)
        return self._change(resource, old, body, subresource, request)

    def patch(
        self, resource: Resource, namespace: str | None, name: str, subresource: str, request: Request, *, who: Token
    ) -> Reply:
        if request.content_type == APPLY:
            return self._apply(resource, namespace, name, subresource, request, who=who)
        old = self._store.need(resource, namespace, name)
        if resource.structural is not None and request.content_type == STRATEGIC:
            raise ApiError(415, "UnsupportedMediaType", _NOT_FOR_CUSTOM)
        return self._change(resource, old, apply_patch(old, request), subresource, request)

    def delete(self, resource: Resource, namespace: str | None, name: str, request: Request) -> Reply:
        api_object = self._store.need(resource, namespace, name)
        options = _delete_options(request)
        _check_preconditions(resource, api_object, options)
        if options.get("dryRun"):
            return _deletion_reply(resource, api_object)
        policy = options.get("propagationPolicy") or ("Orphan" if resource.kind == "Job" else "Background")
        if policy == "Orphan":
            self._orphan(api_object)
        last = self._store.delete(resource, api_object, grace=options.get("gracePeriodSeconds"))
        if resource.kind in _OBJECT_RETURNED or self._store.get(resource, namespace, name) is not None:
            return Reply.of(last)
        return _deletion_reply(resource, api_object)

    def delete_collection(self, resource: Resource, namespace: str | None, request: Request) -> Reply:
        options = _delete_options(request)
        objects = self._store.find(
            resource,
            namespace,
            labels=request.query.get("labelSelector"),
            fields=request.query.get("fieldSelector"),
        )
        if not options.get("dryRun"):
            for api_object in objects:
                self._store.delete(resource, api_object, grace=options.get("gracePeriodSeconds"))
        document = {
            "kind": f"{resource.kind}List",
            "apiVersion": resource.api_version,
            "metadata": {},
            "items": objects,
        }
        return Reply.of(document)

    # ---- inside

    def _change(self, resource: Resource, old: Json, new: Json, subresource: str, request: Request) -> Reply:
        new, warnings = _clean(resource, new, request)
        new.setdefault("metadata", {})
        for emptied in ("annotations", "labels"):
            if not new["metadata"].get(emptied):
                new["metadata"].pop(emptied, None)
        version = new["metadata"].get("resourceVersion")
        if resource.kind == "Lease" and request.method == "PUT" and not version:
            text = "Invalid value: 0: must be specified for an update"
            raise invalid(
                resource, old["metadata"]["name"], [FieldFault("metadata.resourceVersion", text)], of=resource.qualified
            )
        if version and version != old["metadata"]["resourceVersion"]:
            raise modified(resource, old["metadata"]["name"])
        new = new | {"apiVersion": resource.api_version, "kind": resource.kind}
        if resource.has_status and subresource != "status":
            new["status"] = old.get("status", {})
        time = self._store.timestamp()
        record_update(old, new, manager=request.manager, subresource=subresource, time=time)
        changed = self._store.replace(resource, old, new, subresource=subresource, dry_run=request.dry_run)
        return Reply.of(changed, 200, (*warnings, *of_object(changed)))

    def _apply(
        self, resource: Resource, namespace: str | None, name: str, subresource: str, request: Request, *, who: Token
    ) -> Reply:
        manager = request.query.get("fieldManager")
        if not manager:
            text = "Required value: is required for apply patch"
            raise invalid_options("PatchOptions", "fieldManager", text, "FieldValueRequired")
        body = request.object()
        _check_identity(resource, body, needed=True)
        _check_name(body, name)
        body["metadata"]["name"] = name
        body = _typed_for_apply(resource, body)
        known.check_fields(resource, body)
        live = self._store.get(resource, namespace, name)
        _check_applied(resource, live, body["metadata"], name)
        new = server_side_apply(
            live,
            body,
            manager=manager,
            force=request.flag("force"),
            time=self._store.timestamp(),
            subresource=subresource,
        )
        if live is not None:
            changed = self._store.replace(resource, live, new, subresource=subresource, dry_run=request.dry_run)
            return Reply.of(changed, 200, of_object(changed))
        self._access.check(
            who,
            Attempt(verb="create", group=resource.group, plural=resource.plural, namespace=namespace, name=name),
        )
        created = self._store.create(resource, namespace, new, dry_run=request.dry_run)
        return Reply.of(created, 201, of_object(created))

    def _orphan(self, owner: Json) -> None:
        uid = owner["metadata"]["uid"]
        for resource, api_object in self._store.everything():
            references = api_object["metadata"].get("ownerReferences") or []
            remaining = [r for r in references if r.get("uid") != uid]
            if len(remaining) != len(references):
                new = copy.deepcopy(api_object)
                new["metadata"].pop("ownerReferences")
                new["metadata"] |= {"ownerReferences": remaining} if remaining else {}
                self._store.update(resource, api_object, new)


def apply_patch(old: Json, request: Request) -> Json:
    """The object after the request's patch, by content type."""
    changed: object
    match request.content_type:
        case "application/merge-patch+json":
            changed = json_merge(old, request.json())
        case _ if request.content_type == STRATEGIC:
            changed = strategic_merge(old, request.json())
        case "application/json-patch+json":
            changed = json_patch(old, request.json())
        case _:
            raise ApiError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})
    if not isinstance(changed, dict):
        raise bad_request("the patch does not leave an object")
    return changed


def _clean(resource: Resource, body: Json, request: Request) -> tuple[Json, tuple[tuple[str, str], ...]]:
    """The body without unknown fields; refused or with warnings, as fieldValidation says."""
    cleaned, findings = schema.check(resource, body)
    version = resource.api_version.rpartition("/")[2]
    prefix = f'{resource.kind} in version "{version}" cannot be handled as a {resource.kind}: '
    if findings.mistyped:
        raise bad_request(prefix + "json: " + "; ".join(findings.mistyped))
    mode = request.query.get("fieldValidation") or "Warn"
    if mode not in ("Ignore", "Warn", "Strict"):
        text = f'Unsupported value: "{mode}": supported values: "", "Ignore", "Strict", "Warn"'
        raise invalid_options(request.options, "fieldValidation", text)
    known.check_fields(resource, cleaned)
    if reason := schema.unconvertible(resource, cleaned):
        raise bad_request(prefix + reason.removeprefix("error decoding from json: "))
    unknown = [f'unknown field "{path.lstrip(".")}"' for path in findings.unknown]
    if unknown and mode == "Strict":
        raise bad_request(f"{prefix}strict decoding error: {', '.join(unknown)}")
    warnings = [text.replace('"', '\\"') for text in unknown] if mode == "Warn" else []
    return cleaned, tuple(("Warning", f'299 - "{text}"') for text in warnings)


def _typed_for_apply(resource: Resource, body: Json) -> Json:
    """An apply is always strict, and reports faults with a 500 that has no reason, as clusters do."""
    cleaned, findings = schema.check(resource, body)
    place = f"(/{body['metadata']['name']}; {resource.group}/{resource.api_version.rpartition('/')[2]}"
    place += f", Kind={resource.kind})"
    faults = [f"{path}: field not declared in schema" for path in findings.unknown] + findings.untyped
    faults += schema.duplicate_keys(cleaned) if resource.structural is None else []
    if faults:
        text = faults[0] if len(faults) == 1 else "errors:\n" + "\n".join(f"  {w}" for w in faults)
        raise ApiError(500, "", f"failed to create typed patch object {place}: {text}")
    if reason := schema.unconvertible(resource, cleaned):
        target = f"{resource.group}/{resource.api_version.rpartition('/')[2]}, Kind={resource.kind}"
        text = f"to proper version: unable to convert unstructured object to {target}: {reason}"
        raise ApiError(500, "", f"failed to convert new object {place} {text}")
    return cleaned


def _check_applied(resource: Resource, live: Json | None, metadata: Json, name: str) -> None:
    """Check the uid and version that an apply may state. If the object is gone, a version is ignored, and a uid is
    not."""
    version, uid = metadata.pop("resourceVersion", None), metadata.pop("uid", None)
    if live is None:
        if uid:
            raise uid_mismatch(resource, name, uid)
        return
    if version not in (None, "", "0") and version != live["metadata"]["resourceVersion"]:
        raise modified(resource, name)
    if uid and uid != live["metadata"]["uid"]:
        raise invalid(resource, name, [FieldFault("metadata.uid", f'Invalid value: "{uid}": field is immutable')])


def _check_identity(resource: Resource, body: Json, *, needed: bool = False) -> None:
    stated = (str(body.get("apiVersion") or ""), str(body.get("kind") or ""))
    if stated == (resource.api_version, resource.kind) or (stated == ("", "") and not needed):
        return
    if needed:
        group, _, version = stated[0].rpartition("/")
        raise bad_request(f"invalid object type: {group}/{version}, Kind={stated[1]}")
    if stated[0] in ("", resource.api_version) and stated[1] in ("", resource.kind):
        return
    version = resource.api_version.rpartition("/")[2]
    stated_version, own_version = stated[0].rpartition("/")[2] or version, resource.group.partition(".")[0] or "core"
    text = f"converting ({stated_version}.{stated[1]}) to ({own_version}.{resource.kind}): unknown conversion"
    raise bad_request(f'{stated[1]} in version "{stated_version}" cannot be handled as a {resource.kind}: {text}')


def _check_name(body: Json, name: str) -> None:
    stated_name = body["metadata"].get("name")
    if stated_name and stated_name != name:
        raise bad_request(f"the name of the object ({stated_name}) does not match the name on the URL ({name})")


def _deletion_reply(resource: Resource, api_object: Json) -> Reply:
    """The server's response once an object is gone, and to a dry run."""
    if resource.kind in _OBJECT_RETURNED:
        return Reply.of(api_object)
    details = {"name": api_object["metadata"]["name"], "kind": resource.plural, "uid": api_object["metadata"]["uid"]}
    if resource.group:
        details["group"] = resource.group
    return Reply.of({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})


def _delete_options(request: Request) -> Json:
    """From the body, or else from the parameters: if there is a body, a server ignores them."""
    options: Json = {}
    if request.body:
        parsed = request.json()
        options = parsed if isinstance(parsed, dict) else {}
    else:
        if request.query.get("propagationPolicy"):
            options["propagationPolicy"] = request.query["propagationPolicy"]
        if (grace := request.number("gracePeriodSeconds")) is not None:
            options["gracePeriodSeconds"] = grace
        if request.dry_run:
            options["dryRun"] = ["All"]
    policy = options.get("propagationPolicy")
    if policy not in (None, "Background", "Foreground", "Orphan"):
        text = f'Unsupported value: "{policy}": supported values: "Foreground", "Background", "Orphan", "nil"'
        raise invalid_options("DeleteOptions", "propagationPolicy", text)
    return options


_PRECONDITIONS = {
    "uid": ("UID", "deleted and then recreated"),
    "resourceVersion": ("ResourceVersion", "modified"),
}
"""The preconditions of a delete: the API's name for each, and what has happened to the object if it fails."""


def _check_preconditions(resource: Resource, api_object: Json, options: Json) -> None:
    for field, (label, happened) in _PRECONDITIONS.items():
        required, actual = (options.get("preconditions") or {}).get(field), api_object["metadata"].get(field)
        if required and actual != required:
            name = api_object["metadata"]["name"]
            text = (
                f'Operation cannot be fulfilled on {resource.qualified_kind} "{name}": the {label} in the '
                f"precondition ({required}) does not match the {label} in record ({actual}). "
                f"The object might have been {happened}"
            )
            raise ApiError(409, "Conflict", text, {"name": name, "kind": resource.qualified_kind})
