"""Sphinx configuration of the documentation site: strict, offline, without a content delivery network."""

import sys
from pathlib import Path

import tetrarium

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "tetrarium"
release = tetrarium.__version__
copyright = "the tetrarium authors, MIT license"  # noqa: A001 Sphinx's name
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "config_fields"]
exclude_patterns = ["_build", "_extensions", "conf.py"]

html_theme = "furo"
html_title = "tetrarium"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False

myst_enable_extensions = ["deflist", "attrs_inline"]
myst_heading_anchors = 3

nb_custom_formats = {".py": ["jupytext.reads", {"fmt": "py:percent"}]}
nb_execution_mode = "off"  # tests/test_docs.py executes them

autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
