"""Bytes against records: what no record wants is removed, what a dead process was uploading is queued again."""

from collections.abc import Iterable

from skyloom.access import SYSTEM
from skyloom.image.service import ImageService


def leftovers(wanted: Iterable[str], kept: Iterable[str]) -> list[str]:
    """The ids of which bytes are kept and no record stands."""
    return sorted(set(kept) - set(wanted))


class ImageReconciler:
    def __init__(self, service: ImageService):
        self.service = service

    def pass_once(self) -> None:
        service = self.service
        with service.db.begin(SYSTEM) as tx:
            service.rows.requeue_dead_uploads(tx, service.db.clock.now())
        # listed before the records are read: bytes that come in between have a record by then
        kept = service.bytes.list()
        for image_id in leftovers(service.rows.ids(service.db.read()), kept):
            service.bytes.remove(image_id)
