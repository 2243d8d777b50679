' inert
WScript.Echo "inert"
