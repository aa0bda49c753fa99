from skyloom.guest.packages import kernel_of, parse

SHOWN = """\
Package: linux-image-cloud-amd64
Source: linux-signed-amd64
Version: 6.1.192-2
Depends: linux-image-6.1.0-56-cloud-amd64 (= 6.1.192-2)
SHA256: aaaa
Description: Linux for x86-64 cloud (meta-package)
 A line that goes on: and has a colon.

Package: busybox
Version: 1:1.35.0-4
SHA256: bbbb

Package: busybox
Version: 1:1.30.0-1
SHA256: cccc

"""


def test_of_a_package_that_is_listed_twice_the_first_counts():
    assert [(package.name, package.version, package.sha256) for package in parse(SHOWN)] == [
        ("linux-image-cloud-amd64", "6.1.192-2", "aaaa"),
        ("busybox", "1:1.35.0-4", "bbbb"),
    ]


def test_the_metapackage_names_the_package_that_holds_the_kernel():
    assert kernel_of(parse(SHOWN)[0]) == "linux-image-6.1.0-56-cloud-amd64"
