"""Who may do what with images: Glance's action names and its present defaults."""

OWN = "role:admin or (role:member and project_id:%(project_id)s)"
VISIBLE = (
    "role:admin or (role:reader and (project_id:%(project_id)s or project_id:%(member_id)s "
    "or 'community':%(visibility)s or 'public':%(visibility)s))"
)
RULES = {
    "add_image": "role:admin or (role:member and project_id:%(project_id)s)",
    "get_image": VISIBLE,
    "get_images": "role:admin or role:reader",
    "modify_image": OWN,
    "delete_image": OWN,
    "publicize_image": "role:admin",
    "communitize_image": OWN,
    "upload_image": OWN,
    "download_image": VISIBLE,
    "deactivate": OWN,
    "reactivate": OWN,
    "add_member": OWN,
    "delete_member": OWN,
    "get_member": "role:admin or (role:reader and (project_id:%(project_id)s or project_id:%(member_id)s))",
    "get_members": "role:admin or (role:reader and (project_id:%(project_id)s or project_id:%(member_id)s))",
    "modify_member": "role:admin or (role:member and project_id:%(member_id)s)",
    "get_image_schemas": "",
}
