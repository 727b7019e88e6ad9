"""From faces whose labels are half trusted to a list of those that are probably wrong, and to cleaned labels."""

from bimodal.audit.auditing import Audit, audit
from bimodal.audit.recipe import audit_settings

__all__ = ["Audit", "audit", "audit_settings"]
