"""Formats that clients and models speak, one folder each; `registry` lists them."""
