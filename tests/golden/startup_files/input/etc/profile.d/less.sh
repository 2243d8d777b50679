# greet
if [ -x /usr/bin/lesspipe ]; then
  eval "$(/usr/bin/lesspipe)" \
    || true
fi
