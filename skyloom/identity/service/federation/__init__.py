"""Whom identity providers send here, and whom this cloud sends to others."""
