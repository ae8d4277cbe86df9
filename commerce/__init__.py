"""Lockstep: a server-rendered storefront that never sells what it does not have."""
