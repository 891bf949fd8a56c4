"""The ways by which an agency may be written to for one of its teams: e-mail addresses, mailboxes on MESH."""

from __future__ import annotations

from services.directory.rules import Agency, Channel


def ways_to(agency: Agency | None, team_id: str | None, kind: str) -> list[Channel]:
    """The secure ways of one kind: those of the team that was asked, then the agency's own. None of an agency that is
    closing: who reads them then is not known.
    """
    if agency is None or agency.closed_on is not None:
        return []
    own = [channel for team in agency.teams if team.team_id == team_id for channel in team.channels]
    return [channel for channel in (*own, *agency.channels) if channel.kind == kind and channel.secure]
