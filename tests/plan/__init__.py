"""Tests of fsdcf.plan."""
