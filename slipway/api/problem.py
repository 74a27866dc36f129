"""Errors: problem details (RFC 9457)."""

from pydantic import BaseModel, ConfigDict, Field


class ProblemDetails(BaseModel):
    """Problem details, RFC 9457."""

    model_config = ConfigDict(defer_build=True, extra="allow")

    type: str = Field(description="Identifies the kind of problem.")
    title: str
    status: int
    detail: str
    parameter: str | None = Field(default=None, description="The parameter or field that is wrong.")
    expected: str | None = Field(default=None, description="The expected value.")
    got: str | None = Field(default=None, description="The value found.")
    permission: str | None = Field(default=None, description="The permission that is needed.")
    roles: list[str] | None = Field(default=None, description="The caller's roles.")
