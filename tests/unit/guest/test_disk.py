import struct

from skyloom.guest.disk import FAT16, LINUX, Partition, boot_record


def test_the_boot_record_holds_code_partitions_and_the_closing_mark():
    record = boot_record(b"\xfa" * 440, [Partition(1, 20, FAT16, is_bootable=True), Partition(21, None, LINUX)])

    assert len(record) == 512
    assert record[:440] == b"\xfa" * 440
    assert record[510:] == b"\x55\xaa"
    first, second = (struct.unpack("<B3xB3xII", record[at : at + 16]) for at in (446, 462))
    assert first == (0x80, 0x06, 2048, 20 * 2048)
    assert second == (0, 0x83, 21 * 2048, 2**32 - 1 - 21 * 2048), "the root's partition claims all the rest"
    assert record[478:510] == bytes(32)
