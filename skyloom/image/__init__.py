"""Images (Glance v2): what servers are built from; their records in the database, their bytes in a store."""

from skyloom.image.errors import ImageNotFound
from skyloom.image.model import Image, ImageStatus, Visibility
from skyloom.image.policy import RULES
from skyloom.image.service import ImageService
from skyloom.image.settings import ImageSettings

__all__ = ["RULES", "Image", "ImageNotFound", "ImageService", "ImageSettings", "ImageStatus", "Visibility"]
