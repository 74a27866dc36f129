"""Stand-in for the generated FunctionRpc protobuf module that the worker library expects.

It has only the names that azure-functions-runtime 1.3 uses, in plain Python: no grpc, no protobuf. The types refuse
what protobuf would refuse (a header value that is not text, an unknown field), so that such a fault shows here as in
Azure. Records can be pickled: they travel between host and worker. (Attribute and class names are those of
FunctionRpc.proto.)
"""

import enum
from collections.abc import Callable
from typing import Any, ClassVar


class Message:
    """A protobuf message: known fields only. A subclass declares them in its header, each with its default or None."""

    FIELDS: ClassVar[dict[str, Callable[[], Any] | None]] = {}

    def __init_subclass__(cls, **fields: Callable[[], Any] | None) -> None:
        cls.FIELDS = fields

    def __init__(self, **values: Any) -> None:
        for name in values:
            if name not in self.FIELDS:
                raise ValueError(f"{type(self).__name__} has no field {name!r}")
        for name, default in self.FIELDS.items():
            value = values.get(name)
            if value is None and default is not None:
                value = default()
            setattr(self, name, value)

    def HasField(self, name: str) -> bool:
        return getattr(self, name) is not None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in self.FIELDS)})"

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{type(self).__name__} has no field {name!r}")


class TypedData:
    """A value of exactly one kind (the protobuf oneof `data`)."""

    KINDS = frozenset(
        {"string", "json", "bytes", "stream", "http", "int", "double", "collection_bytes", "collection_string",
         "collection_double", "collection_sint64", "model_binding_data", "collection_model_binding_data"}
    )  # fmt: skip
    __slots__ = ("_kind", "_value")

    def __init__(self, **values: Any) -> None:
        present = {name: value for name, value in values.items() if value is not None}
        if len(present) > 1:
            raise ValueError(f"TypedData holds one value, got {sorted(present)}")
        self._kind: str | None = None
        self._value: Any = None
        for kind, value in present.items():
            _check_kind(kind, value)
            self._kind, self._value = kind, value

    def WhichOneof(self, _group: str = "data") -> str | None:
        return self._kind

    def HasField(self, name: str) -> bool:
        return self._kind == name

    @property
    def kind(self) -> str | None:
        return self._kind

    @property
    def value(self) -> Any:
        return self._value

    def __getattr__(self, name: str) -> Any:
        # The library probes for names that a typed value must not have; only the kind that it holds exists.
        if name in TypedData.KINDS and name == self._kind:
            return self._value
        raise AttributeError(name)

    def __reduce__(self) -> tuple[Any, ...]:
        return _typed_data, (self._kind, self._value)

    def __repr__(self) -> str:
        return f"TypedData({self._kind}={self._value!r})" if self._kind else "TypedData()"


def _check_kind(kind: str, value: Any) -> None:
    if kind not in TypedData.KINDS:
        raise ValueError(f"TypedData has no field {kind!r}")
    if kind in ("string", "json"):
        if not isinstance(value, str):
            raise TypeError(f"bad argument type for TypedData.{kind}: expected str, got {type(value).__name__}")
        value.encode("utf-8")  # protobuf refuses lone surrogates
    elif kind == "bytes" and not isinstance(value, bytes):
        raise TypeError(f"bad argument type for TypedData.bytes: expected bytes, got {type(value).__name__}")


def _typed_data(kind: str | None, value: Any) -> TypedData:
    return TypedData(**({kind: value} if kind else {}))


class ParameterBinding:
    """A named value: an input or an output of an invocation."""

    __slots__ = ("data", "name")

    def __init__(self, name: str = "", data: TypedData | None = None) -> None:
        self.name = name
        self.data = data

    def WhichOneof(self, _group: str = "rpc_data") -> str | None:
        return "data" if self.data is not None else None

    def __reduce__(self) -> tuple[Any, ...]:
        return ParameterBinding, (self.name, self.data)


class CollectionString(Message, string=list):
    """Several texts."""


class CollectionBytes(Message, bytes=list):
    """Several byte strings."""


class CollectionDouble(Message, double=list):
    """Several numbers."""


class CollectionSInt64(Message, sint64=list):
    """Several whole numbers."""


class RpcHttp(
    Message, method=str, url=str, headers=dict, body=TypedData, params=dict, status_code=str, query=dict,
    enable_content_negotiation=bool, cookies=list,
):  # fmt: skip
    """An HTTP request or response."""

    def __init__(self, **fields: Any) -> None:
        for field in ("headers", "params", "query"):
            for name, value in (fields.get(field) or {}).items():
                if not isinstance(name, str) or not isinstance(value, str):
                    kind = type(value).__name__
                    raise TypeError(f"bad argument type for map<string, string> RpcHttp.{field}[{name!r}]: {kind}")
        super().__init__(**fields)


class NullableString(Message, value=None):
    """A text, or none."""


class NullableBool(Message, value=None):
    """True, false, or none."""


class NullableDouble(Message, value=None):
    """A number, or none."""


class NullableTimestamp(Message, value=None):
    """A time, or none."""


class Timestamp(Message, seconds=int, nanos=int):
    """The library uses this one before it looks for google.protobuf."""


class RpcHttpCookie(
    Message, name=str, value=str, domain=None, path=None, expires=None, secure=None, http_only=None, same_site=None,
    max_age=None,
):  # fmt: skip
    """A cookie of a response."""

    SameSite = enum.IntEnum(
        "SameSite",
        {"None": 0, "Lax": 1, "Strict": 2, "ExplicitNone": 3},
        module=__name__,
        qualname="RpcHttpCookie.SameSite",
    )


class RpcException(Message, source=str, stack_trace=str, message=str):
    """The exception that a function raised."""


class StatusResult(Message, status=int, result=None, exception=None, logs=list):
    """Whether something succeeded, and if not, why."""

    Failure, Success, Cancelled = 0, 1, 2


class BindingInfo(Message, type=str, direction=int, data_type=int, properties=dict):
    """A binding in short; the raw bindings have more details."""

    undefined, string, binary, stream = 0, 1, 2, 3
    out, inout = 1, 2


setattr(BindingInfo, "in", 0)


class RpcRetryOptions(
    Message, max_retry_count=int, delay_interval=None, minimum_interval=None, maximum_interval=None,
    retry_strategy=None,
):  # fmt: skip
    """The `@app.retry` of a function."""


class RpcFunctionMetadata(
    Message, name=str, directory=str, script_file=str, entry_point=str, bindings=dict, is_proxy=bool, status=None,
    language=str, raw_bindings=list, function_id=str, managed_dependency_enabled=bool, retry_options=None,
    properties=dict,
):  # fmt: skip
    """One function, as indexed."""


class WorkerMetadata(
    Message, runtime_name=str, runtime_version=str, worker_version=str, worker_bitness=str, custom_properties=dict,
):  # fmt: skip
    """The worker's identity."""


class WorkerInitResponse(Message, worker_version=str, capabilities=dict, result=None, worker_metadata=None):
    """Response to init: whether the app could be indexed."""


class FunctionEnvironmentReloadResponse(Message, result=None, capabilities=dict, worker_metadata=None):
    """Response to a reload, which this host never requests."""


class FunctionMetadataResponse(
    Message, function_metadata_results=list, result=None, use_default_metadata_indexing=bool,
):  # fmt: skip
    """Response to metadata: the functions."""


class FunctionLoadResponse(Message, function_id=str, result=None):
    """Response to load."""


class InvocationResponse(Message, invocation_id=str, output_data=list, return_value=None, result=None):
    """Response to an invocation."""
