"""HTTP around the application: access rules, the guard with its response headers, errors, uploads and pages."""
