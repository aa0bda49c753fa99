"""The generated pages are those of the code, and the written ones link to what is there."""

import re

import pytest

from docs.generate import FOLDER, pages, readme
from tests.cloud import RULES, Cloud
from tests.rules.source import ROOT

PAGES = ["api.md", "configuration.md", "errors.md", "gaps.md", "hypervisors.md", "policy.md"]


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_up_to_date(cloud: Cloud, name: str):
    made = pages(cloud.apis, RULES)[name]
    assert (FOLDER / name).read_text() == made, f"docs/{name} is out of date: make docs"


def test_the_table_of_what_works_in_the_readme_is_up_to_date(cloud: Cloud):
    page = (ROOT / "README.md").read_text()
    assert page == readme(page, cloud.apis), "README.md is out of date: make docs"


def test_no_generated_page_is_forgotten(cloud: Cloud):
    assert sorted(pages(cloud.apis, RULES)) == PAGES


def test_each_link_between_pages_leads_somewhere():
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in sorted(FOLDER.rglob("*.md"))
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert not broken
