"""Of which domains of e-mail addresses it can be said that they are one agency's."""

from __future__ import annotations

ANYBODYS = frozenset(
    (
        *("gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "hotmail.co.uk", "live.com", "live.co.uk"),
        *("msn.com", "yahoo.com", "yahoo.co.uk", "icloud.com", "me.com", "mac.com", "aol.com", "aol.co.uk"),
        *("btinternet.com", "talktalk.net", "virginmedia.com", "sky.com", "ntlworld.com", "gmx.com", "gmx.co.uk"),
        *("mail.com", "proton.me", "protonmail.com", "pm.me", "ymail.com", "rocketmail.com", "blueyonder.co.uk"),
        *("tiscali.co.uk", "btopenworld.com", "fastmail.com", "zoho.com", "tutanota.com", "hushmail.com"),
        *("doctors.org.uk", "doctors.net.uk"),
    )
)
"""Domains at which anybody may have an address: to share one with an agency says nothing."""

SHARED = frozenset(
    (
        *("nhs.net", "nhs.uk", "nhs.scot", "wales.nhs.uk", "hscni.net", "justice.gov.uk", "gov.uk", "cjsm.net"),
        *("police.uk", "pnn.police.uk", "sch.uk", "hwbcymru.net", "c2kni.net", "c2ken.net", "lgflmail.org"),
    )
)
"""Domains that many agencies have together: half the practices of a country write from one of them, and whoever has an
address there may be of any. Forces, trusts and councils have their own below those that end in `.uk`.
"""
_SECURE_NAMES = ".cjsm.net"  # Criminal Justice Secure eMail puts this behind the domain that somebody has elsewhere


def is_of_one_agency(domain: str) -> bool:
    """Whether whoever has an address at a domain that an agency has on record is of that agency."""
    return domain.removesuffix(_SECURE_NAMES) not in ANYBODYS | SHARED
