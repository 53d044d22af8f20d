"""How Django writes what no template writes in its own way; named in FORMAT_MODULE_PATH."""
