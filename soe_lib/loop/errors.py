"""What a campaign says when it cannot go on; light, every command imports it."""

from __future__ import annotations


class CampaignError(RuntimeError):
    """A campaign cannot be run, or broke off; the text says which and why."""
