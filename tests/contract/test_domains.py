"""Of which domains it can be said that they are one agency's."""

from __future__ import annotations

import pytest

from schemas.domains import is_of_one_agency


@pytest.mark.parametrize(
    "domain", ["gmail.com", "nhs.net", "pnn.police.uk", "gov.uk", "cjsm.net", "gmail.com.cjsm.net"]
)
def test_a_domain_that_others_have_too_is_no_agencys(domain: str) -> None:
    assert not is_of_one_agency(domain)


@pytest.mark.parametrize("domain", ["council.gov.uk", "rowantrust.nhs.uk", "west.police.uk", "council.gov.uk.cjsm.net"])
def test_a_domain_below_one_that_is_shared_is_an_agencys_own(domain: str) -> None:
    assert is_of_one_agency(domain)
