"""The SQL of the image service. A page of images costs three statements, however long it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from msgspec.structs import asdict
from sqlalchemy import ColumnElement, and_, bindparam, delete, exists, func, insert, or_, select, true, update

from skyloom.db import Sql
from skyloom.db.listing import Page, paged
from skyloom.image.model import Image, ImageStatus, Member, MemberStatus, Visibility
from skyloom.image.tables import image, image_member, image_property, image_tag

COLUMNS = [column for column in image.c if column.name not in ("upload_id", "upload_until")]
GET = select(*COLUMNS).where(image.c.id == bindparam("wanted"))
LOCK = select(image.c.id).where(image.c.id == bindparam("wanted")).with_for_update()
GET_PROPERTIES = select(image_property.c.name, image_property.c.value).where(
    image_property.c.image_id == bindparam("wanted")
)
GET_TAGS = select(image_tag.c.name).where(image_tag.c.image_id == bindparam("wanted")).order_by(image_tag.c.name)
PROPERTIES_OF = select(image_property).where(image_property.c.image_id.in_(bindparam("ids", expanding=True)))
TAGS_OF = select(image_tag).where(image_tag.c.image_id.in_(bindparam("ids", expanding=True))).order_by(image_tag.c.name)
MEMBER = select(image_member).where(
    image_member.c.image_id == bindparam("image_id"), image_member.c.member_id == bindparam("member_id")
)
MEMBERS = select(image_member).where(image_member.c.image_id == bindparam("image_id"))
# by its members: nearly all images of a cloud are of this visibility, and few are anybody's
shared = image.alias("shared")
SHARED_WITH = (
    select(image_member.c.image_id)
    .join(shared, shared.c.id == image_member.c.image_id)
    .where(shared.c.visibility == Visibility.SHARED.value)
)
BEGIN_UPLOAD = (
    update(image)
    .where(image.c.id == bindparam("wanted"), image.c.status == ImageStatus.QUEUED.value)
    .values(status=ImageStatus.SAVING.value, upload_id=bindparam("upload"), upload_until=bindparam("until"))
)
RENEW_UPLOAD = update(image).where(image.c.upload_id == bindparam("upload")).values(upload_until=bindparam("until"))
CANCEL_UPLOAD = (
    update(image)
    .where(image.c.upload_id == bindparam("upload"))
    .values(status=ImageStatus.QUEUED.value, upload_id=None, upload_until=None)
)
END_UPLOAD = (
    update(image)
    .where(image.c.id == bindparam("wanted"), image.c.upload_id == bindparam("upload"))
    .values(
        status=ImageStatus.ACTIVE.value,
        upload_id=None,
        upload_until=None,
        size=bindparam("new_size"),
        checksum=bindparam("new_checksum"),
        hash_value=bindparam("new_hash"),
        virtual_size=bindparam("new_virtual_size"),
        updated_at=bindparam("now"),
    )
)
DEAD_UPLOADS = (
    update(image)
    .where(image.c.upload_until < bindparam("now"))
    .values(status=ImageStatus.QUEUED.value, upload_id=None, upload_until=None)
)
ALL_UPLOADS = (
    update(image)
    .where(image.c.upload_id.is_not(None))
    .values(status=ImageStatus.QUEUED.value, upload_id=None, upload_until=None)
)


@dataclass(frozen=True, slots=True)
class Listing:
    """What of all images is asked for. `project` None: those of every project (an admin's view)."""

    project: str | None
    equal: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    tags: Sequence[str] = ()
    visibility: str | None = None
    member_status: str = MemberStatus.ACCEPTED
    hidden: bool = False
    size_min: int | None = None
    size_max: int | None = None
    times: Sequence[tuple[str, str, datetime]] = ()


class ImageRows:
    def get(self, sql: Sql, image_id: str) -> Image | None:
        row = sql.execute(GET, {"wanted": image_id}).first()
        if row is None:
            return None
        properties = {p.name: p.value for p in sql.execute(GET_PROPERTIES, {"wanted": image_id})}
        return _image(row, properties, tuple(sql.execute(GET_TAGS, {"wanted": image_id}).scalars()))

    def lock(self, sql: Sql, image_id: str) -> None:
        """Keep other writers from the image, if it is there, until the transaction ends."""
        sql.execute(LOCK, {"wanted": image_id})

    def list(self, sql: Sql, wanted: Listing, page: Page) -> Sequence[Image]:
        statement = select(*COLUMNS).where(*_tests(wanted))
        marker = None
        if page.marker is not None:
            marker = _sort_keys(dict(sql.execute(select(image).where(image.c.id == page.marker)).one()._mapping))
        columns = {sort.key: _sort_column(sort.key) for sort in page.sorts}
        rows = sql.execute(paged(statement, columns, page, marker)).all()
        ids = {"ids": [row.id for row in rows]}
        properties: dict[str, dict[str, str]] = {}
        tags: dict[str, list[str]] = {}
        if rows:
            for found in sql.execute(PROPERTIES_OF, ids):
                properties.setdefault(found.image_id, {})[found.name] = found.value
            for found in sql.execute(TAGS_OF, ids):
                tags.setdefault(found.image_id, []).append(found.name)
        return [_image(row, properties.get(row.id, {}), tuple(tags.get(row.id, ()))) for row in rows]

    def ids(self, sql: Sql) -> set[str]:
        return set(sql.execute(select(image.c.id)).scalars())

    def add(self, sql: Sql, new: Image) -> None:
        sql.execute(insert(image), {column.name: getattr(new, column.name) for column in COLUMNS})
        self._write_sets(sql, new)

    def change(self, sql: Sql, changed: Image) -> None:
        values = {column.name: getattr(changed, column.name) for column in COLUMNS if column.name not in UPLOADED}
        sql.execute(update(image).where(image.c.id == changed.id).values(values))
        sql.execute(delete(image_property).where(image_property.c.image_id == changed.id))
        sql.execute(delete(image_tag).where(image_tag.c.image_id == changed.id))
        self._write_sets(sql, changed)

    def move(self, sql: Sql, image_id: str, before: ImageStatus, after: ImageStatus, now: datetime) -> bool:
        statement = update(image).where(image.c.id == image_id, image.c.status == before.value)
        return sql.execute(statement.values(status=after.value, updated_at=now)).rowcount == 1

    def remove(self, sql: Sql, image_id: str) -> None:
        sql.execute(delete(image).where(image.c.id == image_id))

    def _write_sets(self, sql: Sql, of: Image) -> None:
        if of.properties:
            rows = [{"image_id": of.id, "name": name, "value": value} for name, value in of.properties.items()]
            sql.execute(insert(image_property), rows)
        if of.tags:
            sql.execute(insert(image_tag), [{"image_id": of.id, "name": tag} for tag in of.tags])

    # -- uploads

    def begin_upload(self, sql: Sql, image_id: str, upload: str, until: datetime) -> bool:
        return sql.execute(BEGIN_UPLOAD, {"wanted": image_id, "upload": upload, "until": until}).rowcount == 1

    def renew_upload(self, sql: Sql, upload: str, until: datetime) -> bool:
        return sql.execute(RENEW_UPLOAD, {"upload": upload, "until": until}).rowcount == 1

    def cancel_upload(self, sql: Sql, upload: str) -> None:
        sql.execute(CANCEL_UPLOAD, {"upload": upload})

    def end_upload(self, sql: Sql, image_id: str, upload: str, values: Mapping[str, Any]) -> bool:
        return sql.execute(END_UPLOAD, {"wanted": image_id, "upload": upload, **values}).rowcount == 1

    def requeue_dead_uploads(self, sql: Sql, now: datetime) -> int:
        return sql.execute(DEAD_UPLOADS, {"now": now}).rowcount

    def requeue_all_uploads(self, sql: Sql) -> int:
        return sql.execute(ALL_UPLOADS).rowcount

    # -- members

    def member(self, sql: Sql, image_id: str, member_id: str) -> Member | None:
        row = sql.execute(MEMBER, {"image_id": image_id, "member_id": member_id}).first()
        return None if row is None else _member(row)

    def members(self, sql: Sql, image_id: str) -> Sequence[Member]:
        return [_member(row) for row in sql.execute(MEMBERS, {"image_id": image_id})]

    def add_member(self, sql: Sql, new: Member) -> None:
        sql.execute(insert(image_member), asdict(new))

    def change_member(self, sql: Sql, changed: Member) -> None:
        statement = update(image_member).where(
            image_member.c.image_id == changed.image_id, image_member.c.member_id == changed.member_id
        )
        sql.execute(statement.values(status=changed.status.value, updated_at=changed.updated_at))

    def remove_member(self, sql: Sql, image_id: str, member_id: str) -> bool:
        both = and_(image_member.c.image_id == image_id, image_member.c.member_id == member_id)
        return sql.execute(delete(image_member).where(both)).rowcount == 1


UPLOADED = ("status", "size", "checksum", "hash_value", "virtual_size")
"""Set by the upload's own statements; a change of the record must not write them over."""
SORT_KEYS = (
    *("name", "status", "container_format", "disk_format", "size", "id", "created_at", "updated_at"),
    *("visibility", "owner", "min_disk", "min_ram", "protected"),
)


def _sort_column(key: str) -> ColumnElement[Any]:
    column = image.c[{"min_disk": "min_disk_gib", "min_ram": "min_ram_mib"}.get(key, key)]
    return func.coalesce(column, 0 if key == "size" else "") if column.nullable else column


def _sort_keys(row: Mapping[str, Any]) -> dict[str, Any]:
    values = {key: row[{"min_disk": "min_disk_gib", "min_ram": "min_ram_mib"}.get(key, key)] for key in SORT_KEYS}
    return {key: (0 if key == "size" else "") if value is None else value for key, value in values.items()}


def _tests(wanted: Listing) -> list[ColumnElement[bool]]:
    tests: list[ColumnElement[bool]] = [image.c.hidden.is_(wanted.hidden)]
    tests += [image.c[name].in_(values) for name, values in wanted.equal.items()]
    tests += [
        exists().where(image_property.c.image_id == image.c.id, image_property.c.name == n, image_property.c.value == v)
        for n, v in wanted.properties.items()
    ]
    tests += [exists().where(image_tag.c.image_id == image.c.id, image_tag.c.name == tag) for tag in wanted.tags]
    if wanted.size_min is not None:
        tests.append(image.c.size >= wanted.size_min)
    if wanted.size_max is not None:
        tests.append(image.c.size <= wanted.size_max)
    for column, operator, moment in wanted.times:
        tests.append(_time_test(image.c[column], operator, moment))
    if wanted.visibility not in (None, "all"):
        tests.append(image.c.visibility == wanted.visibility)
    tests.append(_may_see(wanted))
    return tests


def _time_test(column: ColumnElement[Any], operator: str, moment: datetime) -> ColumnElement[bool]:
    match operator:
        case "gt":
            return column > moment
        case "gte":
            return column >= moment
        case "lt":
            return column < moment
        case "lte":
            return column <= moment
        case "neq":
            return column != moment
    return column == moment


def _may_see(wanted: Listing) -> ColumnElement[bool]:
    """Own images, public ones, those shared with the project; community images when they are asked for."""
    if wanted.project is None:
        return true()
    given = SHARED_WITH.where(image_member.c.member_id == wanted.project)
    if wanted.member_status != "all":
        given = given.where(image_member.c.status == wanted.member_status)
    ways = [
        image.c.owner == wanted.project,
        image.c.visibility == Visibility.PUBLIC.value,
        image.c.id.in_(given),
    ]
    if wanted.visibility in (Visibility.COMMUNITY.value, "all"):
        ways.append(image.c.visibility == Visibility.COMMUNITY.value)
    return or_(*ways)


def _image(row: Sequence[Any], properties: Mapping[str, str], tags: tuple[str, ...]) -> Image:
    """The columns stand in the order of the fields."""
    id, name, owner, status, visibility, *others = row
    values = [id, name, owner, ImageStatus(status), Visibility(visibility), *others, properties, tags]
    return Image(*values)


def _member(row: Sequence[Any]) -> Member:
    image_id, member_id, status, *times = row
    return Member(image_id, member_id, MemberStatus(status), *times)
