"""The running Windows: files, registry, services, scheduled tasks. Every module imports on any system; only Windows has the calls."""
