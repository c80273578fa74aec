"""What credentials allow, in words, and the rule of which word covers which."""

from collections.abc import Collection
from enum import StrEnum


class Scope(StrEnum):
    """One right; a route names the one that it needs."""

    ENQUEUE = "enqueue"
    READ = "read"
    CANCEL = "cancel"
    OPS_READ = "ops:read"
    OPS_WRITE = "ops:write"
    ADMIN = "admin"
    ACT_FOR = "act_for"


OWN = frozenset({Scope.ENQUEUE, Scope.READ, Scope.CANCEL})
"""What users may do with what is theirs."""

OPERATION = frozenset({Scope.OPS_READ, Scope.OPS_WRITE})
"""Looking at the whole queue, and pressing its buttons."""

ROLES = {"operator": OPERATION, "viewer": frozenset({Scope.OPS_READ})}
"""Rights over the whole queue by `app_metadata.prompt_queue_role` of an access token."""


def covers(held: Collection[Scope], wanted: Scope) -> bool:
    """Whether the scopes allow it: admin is everything but acting for somebody else."""
    return wanted in held or (Scope.ADMIN in held and wanted is not Scope.ACT_FOR)
