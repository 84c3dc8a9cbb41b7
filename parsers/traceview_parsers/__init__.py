"""Readers: files of one format in, Arrow tables out."""
