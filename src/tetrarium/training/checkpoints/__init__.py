"""An agent on disk: folders of plain files that are replaced as one, and read only after they were checked."""
