from pathlib import Path

import pytest

from skyloom.guest import tools
from skyloom.guest.errors import GuestToolFailed, GuestToolsMissing
from skyloom.guest.packages import Package
from skyloom.guest.tiny import image_name, recipe_hash

BUSYBOX = Package("busybox", "1.35", "aaaa", "")
LIBC = Package("libc6", "2.36", "bbbb", "")


def test_an_image_is_named_by_its_packages_whatever_their_order():
    assert image_name([BUSYBOX, LIBC]) == image_name([LIBC, BUSYBOX])
    assert image_name([BUSYBOX, LIBC]) != image_name([Package("busybox", "1.36", "cccc", ""), LIBC])


def test_every_file_of_the_recipe_counts(tmp_path: Path):
    (tmp_path / "files").mkdir()
    (tmp_path / "tree.py").write_text("a")
    (tmp_path / "files/rc").write_text("b")
    before = recipe_hash(tmp_path)
    assert recipe_hash(tmp_path) == before
    (tmp_path / "files/rc").write_text("c")
    assert recipe_hash(tmp_path) != before


def test_missing_programs_are_named_by_their_packages():
    with pytest.raises(GuestToolsMissing, match=r"apt-get install --no-install-recommends no-such-package$"):
        tools.require_all({"no-such-program": "no-such-package", "cat": "coreutils"})


def test_a_failing_program_is_shown_with_its_words():
    with pytest.raises(GuestToolFailed, match=r"(?s)ls failed with status 2 .*No such file"):
        tools.run(["ls", "/no/such/folder"])
