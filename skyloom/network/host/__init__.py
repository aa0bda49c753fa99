"""What a host does for its guests' networks besides switching."""
