"""What detection speaks in; defined in `commodore.hits`, where the persistence table finds it too."""

from commodore.hits import SEVERITIES, Hit, Refusal, Rule

__all__ = ["SEVERITIES", "Hit", "Refusal", "Rule"]
