"""What takes the place of a module that is missing; this folder is put on the path if it is."""
