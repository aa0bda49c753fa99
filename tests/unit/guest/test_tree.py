from skyloom.guest.tree import FILES, PLACES, closure

DEPENDENCIES = """\
kernel/a/virtio_net.ko: kernel/b/net_failover.ko kernel/b/failover.ko kernel/c/virtio.ko
kernel/b/net_failover.ko: kernel/b/failover.ko
kernel/b/failover.ko:
kernel/c/virtio.ko:
kernel/d/unused.ko: kernel/c/virtio.ko
"""


def test_modules_come_with_all_they_need_and_nothing_else():
    assert closure(DEPENDENCIES, ("virtio_net",)) == {
        "kernel/a/virtio_net.ko": ["kernel/b/net_failover.ko", "kernel/b/failover.ko", "kernel/c/virtio.ko"],
        "kernel/b/net_failover.ko": ["kernel/b/failover.ko"],
        "kernel/b/failover.ko": [],
        "kernel/c/virtio.ko": [],
    }


def test_a_driver_that_is_built_into_the_kernel_is_no_module():
    assert closure(DEPENDENCIES, ("ext4",)) == {}


def test_every_file_of_the_recipe_has_its_place_in_the_guest():
    assert {path.name for path in FILES.iterdir()} == {*PLACES, "syslinux.cfg"}
