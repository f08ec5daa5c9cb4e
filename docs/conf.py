"""Sphinx: MyST pages, furo, warnings are errors (`make docs`)."""

from haechi import __version__

project = "Haechi"
author = "The Haechi project"
project_copyright = "The Haechi project. Apache-2.0"
version = release = __version__

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
suppress_warnings: list[str] = []
nitpicky = True

html_theme = "furo"
html_title = f"Haechi {version}"
html_show_sphinx = False
html_copy_source = False
html_theme_options = {"source_repository": ""}
pygments_style = "friendly"
