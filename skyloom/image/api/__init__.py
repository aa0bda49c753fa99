"""Glance's v2 API under /image."""

from skyloom.errors import OverLimit
from skyloom.image.api import discovery, files, images, relations
from skyloom.image.api.files import RangeInvalid
from skyloom.image.api.not_built import NOT_BUILT
from skyloom.image.service import ImageService
from skyloom.web.errors import image_form
from skyloom.web.routes import Api, Route

ROUTES: list[Route] = [*discovery.ROUTES, *images.ROUTES, *files.ROUTES, *relations.ROUTES]


def api(service: ImageService) -> Api:
    statuses = {OverLimit: 413, RangeInvalid: 416}
    return Api(
        "image",
        "/image",
        ROUTES,
        service,
        image_form,
        statuses=statuses,
        not_built=NOT_BUILT,
        is_slash_significant=True,
    )
