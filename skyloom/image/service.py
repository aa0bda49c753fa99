"""The verbs of the image service."""

import logging
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from skyloom.access import SYSTEM, Caller, Policy, PolicyForbids
from skyloom.db import Contradiction, Database, Sql, Tx
from skyloom.db.listing import Page
from skyloom.image import errors, virtual_size
from skyloom.image.drivers.contract import ImageStore, Stored
from skyloom.image.model import Image, ImageStatus, Member, MemberStatus, Visibility
from skyloom.image.settings import ImageSettings
from skyloom.image.store import ImageRows, Listing

log = logging.getLogger(__name__)


class ImageService:
    """`kick` wakes the reconciler that removes the bytes of images that are no more."""

    def __init__(self, db: Database, policy: Policy, bytes_: ImageStore, settings: ImageSettings):
        self.db = db
        self.policy = policy
        self.bytes = bytes_
        self.settings = settings
        self.rows = ImageRows()
        self.kick: Callable[[], None] = lambda: None

    # -- records

    def create(self, caller: Caller, want: Image) -> Image:
        self.policy.require(caller, "add_image", {"project_id": want.owner})
        self._check_visibility(caller, want)
        self._check_size_of_sets(want)
        try:
            with self.db.begin(caller) as tx:
                self.rows.add(tx, want)
                tx.record("add_image", "image", want.id)
        except Contradiction as error:
            raise errors.ImageExists(f"An image with identifier {want.id} already exists.", image=want.id) from error
        return want

    def get(self, caller: Caller, image_id: str, action: str = "get_image") -> Image:
        return self._visible(self.db.read(), caller, image_id, action)

    def list(self, caller: Caller, wanted: Listing, page: Page) -> Sequence[Image]:
        self.policy.require(caller, "get_images")
        sql = self.db.read()
        if page.marker is not None:
            self._visible(sql, caller, page.marker, "get_image")
        return self.rows.list(sql, wanted, page)

    def update(self, caller: Caller, image_id: str, change: Callable[[Image], Image]) -> Image:
        """`change` makes the wanted image of the present one; it may be called with a newer one again."""
        with self.db.begin(caller) as tx:
            now = self._own(tx, caller, image_id, "modify_image")
            wanted = replace(change(now), updated_at=self.db.clock.now())
            if wanted.visibility is not now.visibility:
                self._check_visibility(caller, wanted)
            if wanted.owner != now.owner and not caller.is_admin:
                raise errors.ImageReadOnly("Only an administrator may give an image to another owner.", field="owner")
            if now.status is not ImageStatus.QUEUED:
                self._check_formats_kept(now, wanted)
            self._check_size_of_sets(wanted)
            self.rows.change(tx, wanted)
            tx.record("modify_image", "image", image_id)
        return wanted

    def delete(self, caller: Caller, image_id: str) -> None:
        with self.db.begin(caller) as tx:
            image = self._own(tx, caller, image_id, "delete_image")
            if image.protected:
                raise errors.ImageProtected(f"Image {image_id} is protected and cannot be deleted; unprotect it first.")
            self.rows.remove(tx, image_id)
            tx.record("delete_image", "image", image_id)
            tx.on_commit(self.kick)

    def move(self, caller: Caller, image_id: str, action: str, before: ImageStatus, after: ImageStatus) -> None:
        """Deactivate or reactivate; one that is so already is left as it is."""
        with self.db.begin(caller) as tx:
            image = self._own(tx, caller, image_id, action)
            if image.status is after:
                return
            if not self.rows.move(tx, image_id, before, after, self.db.clock.now()):
                raise errors.ImageStateConflict(f"Image {image_id} is {image.status}; it must be {before} for that.")
            tx.record(action, "image", image_id)

    # -- bytes

    def upload(self, caller: Caller, image_id: str, chunks: Iterable[bytes], announced: int | None) -> None:
        """Keep the bytes and make the image active; whatever goes wrong leaves it queued and keeps nothing."""
        upload = str(uuid.uuid4())
        limit = self.settings.max_image_bytes
        if announced is not None and announced > limit:
            raise errors.TooBig(f"The image is larger than {limit} bytes, the most that is kept.")
        with self.db.begin(caller) as tx:
            image = self._own(tx, caller, image_id, "upload_image")
            if image.disk_format is None or image.container_format is None:
                raise errors.ImageInvalid("Set disk_format and container_format before uploading the image's data.")
            if not self.rows.begin_upload(tx, image_id, upload, self._lease_end()):
                raise errors.ImageStateConflict(f"Image {image_id} is {image.status}; data can be uploaded once only.")
            tx.record("upload_image", "image", image_id)
        live = _Upload(self._renewing(upload), chunks)
        try:
            stored = self.bytes.put(image_id, live, limit)
            self._publish(image, upload, stored, live.head)
        except BaseException:
            with self.db.begin(SYSTEM) as tx:
                self.rows.cancel_upload(tx, upload)
            self.kick()
            raise

    def forget_uploads(self) -> None:
        """After a start, before requests come: no upload of an earlier life goes on."""
        with self.db.begin(SYSTEM) as tx:
            self.rows.requeue_all_uploads(tx)

    def _publish(self, image: Image, upload: str, stored: Stored, head: bytes) -> None:
        with self.db.begin(SYSTEM) as tx:
            values = {
                "new_size": stored.size,
                "new_checksum": stored.md5,
                "new_hash": stored.sha512,
                "new_virtual_size": virtual_size.of(image.disk_format, head, stored.size),
                "now": self.db.clock.now(),
            }
            if not self.rows.end_upload(tx, image.id, upload, values):
                raise errors.ImageDeletedMeanwhile(f"Image {image.id} was deleted while its data was uploaded.")

    def _renewing(self, upload: str) -> Callable[[], None]:
        """Tells now and then that the upload lives, so that it is not taken for one of a dead process."""
        renew_at = self.db.clock.monotonic() + self.settings.upload_lease_s / 3

        def renew() -> None:
            nonlocal renew_at
            if self.db.clock.monotonic() < renew_at:
                return
            with self.db.begin(SYSTEM) as tx:
                if not self.rows.renew_upload(tx, upload, self._lease_end()):
                    raise errors.ImageDeletedMeanwhile("The image was deleted while its data was uploaded.")
            renew_at = self.db.clock.monotonic() + self.settings.upload_lease_s / 3

        return renew

    def _lease_end(self) -> Any:
        return self.db.clock.now() + timedelta(seconds=self.settings.upload_lease_s)

    def download(self, caller: Caller, image_id: str) -> Image:
        """The image when the caller may have its bytes (`size` None: there are none yet)."""
        image = self._visible(self.db.read(), caller, image_id, "download_image")
        if image.status is ImageStatus.DEACTIVATED and not caller.is_admin:
            raise errors.ImageDeactivated(f"The requested image {image_id} has been deactivated.")
        return image

    def read(self, image_id: str, offset: int, length: int) -> Iterator[bytes]:
        return self.bytes.read(image_id, offset, length)

    # -- members

    def members(self, caller: Caller, image_id: str) -> Sequence[Member]:
        """All for the owner, the caller's own membership for a member."""
        image, sql = self._shared(self.db.read(), caller, image_id), self.db.read()
        found = self.rows.members(sql, image_id)
        if caller.is_admin or image.owner == caller.project_id:
            return found
        return [member for member in found if member.member_id == caller.project_id]

    def member(self, caller: Caller, image_id: str, member_id: str) -> Member:
        sql = self.db.read()
        image = self._shared(sql, caller, image_id)
        if not (caller.is_admin or caller.project_id in (image.owner, member_id)):
            raise errors.MemberNotFound(f"{member_id} not found in the member list of the image {image_id}.")
        return self._member(sql, image_id, member_id)

    def add_member(self, caller: Caller, image_id: str, member_id: str) -> Member:
        now = self.db.clock.now()
        with self.db.begin(caller) as tx:
            self.rows.lock(tx, image_id)
            self._require_own(caller, self._shared(tx, caller, image_id), "add_member")
            if self.rows.member(tx, image_id, member_id) is not None:
                raise errors.MemberExists(f"Member {member_id} is already associated with image {image_id}.")
            if len(self.rows.members(tx, image_id)) >= self.settings.max_members:
                raise errors.TooMany(f"An image has at most {self.settings.max_members} members.")
            member = Member(image_id, member_id, MemberStatus.PENDING, now, now)
            self.rows.add_member(tx, member)
            tx.record("add_member", "image", image_id)
        return member

    def change_member(self, caller: Caller, image_id: str, member_id: str, status: MemberStatus) -> Member:
        with self.db.begin(caller) as tx:
            self._shared(tx, caller, image_id)
            member = self._member(tx, image_id, member_id)
            self.policy.require(caller, "modify_member", {"member_id": member_id})
            changed = replace(member, status=status, updated_at=self.db.clock.now())
            self.rows.change_member(tx, changed)
            tx.record("modify_member", "image", image_id)
        return changed

    def remove_member(self, caller: Caller, image_id: str, member_id: str) -> None:
        with self.db.begin(caller) as tx:
            self._require_own(caller, self._shared(tx, caller, image_id), "delete_member")
            self._member(tx, image_id, member_id)
            self.rows.remove_member(tx, image_id, member_id)
            tx.record("delete_member", "image", image_id)

    def _member(self, sql: Sql, image_id: str, member_id: str) -> Member:
        member = self.rows.member(sql, image_id, member_id)
        if member is None:
            raise errors.MemberNotFound(f"{member_id} not found in the member list of the image {image_id}.")
        return member

    def _shared(self, sql: Sql, caller: Caller, image_id: str) -> Image:
        image = self._visible(sql, caller, image_id, "get_image")
        if image.visibility is not Visibility.SHARED:
            raise errors.ImageProtected(f"Only shared images have members; image {image_id} is {image.visibility}.")
        return image

    # -- checks

    def _visible(self, sql: Sql, caller: Caller, image_id: str, action: str) -> Image:
        """The image, ImageNotFound for those who may not know of it."""
        image = self.rows.get(sql, image_id)
        if image is None or not self.policy.allows(caller, action, self._target(sql, caller, image)):
            raise errors.ImageNotFound(image_id)
        return image

    def _own(self, tx: Tx, caller: Caller, image_id: str, action: str) -> Image:
        """The image for a change: nobody else changes it until the transaction ends."""
        self.rows.lock(tx, image_id)
        image = self._visible(tx, caller, image_id, "get_image")
        self._require_own(caller, image, action)
        return image

    def _require_own(self, caller: Caller, image: Image, action: str) -> None:
        self.policy.require(caller, action, {"project_id": image.owner})

    def _target(self, sql: Sql, caller: Caller, image: Image) -> Mapping[str, object]:
        target = {"project_id": image.owner or "", "visibility": image.visibility.value, "member_id": ""}
        is_sharable = image.visibility is Visibility.SHARED and image.owner != caller.project_id and caller.project_id
        if is_sharable and self.rows.member(sql, image.id, caller.project_id or ""):
            target["member_id"] = caller.project_id or ""
        return target

    def _check_visibility(self, caller: Caller, image: Image) -> None:
        action = {Visibility.PUBLIC: "publicize_image", Visibility.COMMUNITY: "communitize_image"}.get(image.visibility)
        if action is not None:
            self.policy.require(caller, action, {"project_id": image.owner})

    def _check_formats_kept(self, now: Image, wanted: Image) -> None:
        for name in ("disk_format", "container_format"):
            if getattr(now, name) != getattr(wanted, name):
                raise errors.ImageReadOnly(f"Attribute {name} can be replaced only for a queued image.", field=name)

    def _check_size_of_sets(self, image: Image) -> None:
        for name, held, limit in (
            ("properties", len(image.properties), self.settings.max_properties),
            ("tags", len(image.tags), self.settings.max_tags),
        ):
            if held > limit:
                raise errors.TooBig(f"The limit of {limit} {name} an image has been exceeded ({held}).", field=name)


class _Upload:
    """The chunks on their way to the store; keeps the first bytes, and tells that the upload lives."""

    def __init__(self, renew: Callable[[], None], chunks: Iterable[bytes]):
        self.head = b""
        self._renew = renew
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            if len(self.head) < virtual_size.HEAD_BYTES:
                self.head = (self.head + chunk)[: virtual_size.HEAD_BYTES]
            self._renew()
            yield chunk


__all__ = ["ImageService", "Listing", "PolicyForbids"]
