/* THE EYE: keyboard, brush, completion, theme. The server renders; htmx swaps; this only turns hands into addresses. */
(() => {
  "use strict";
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const main = () => $("#main");
  const SVG = "http://www.w3.org/2000/svg";

  /* --- going somewhere: the address is the state --- */
  const go = (url) => {
    if (!url) return;
    htmx.ajax("GET", url, { source: main(), target: "#main", select: "#main", swap: "outerHTML" });
  };
  const here = (change) => {
    const url = new URL(location.href);
    change(url.searchParams);
    url.searchParams.delete("from");
    url.searchParams.delete("open");
    return url.pathname + url.search;
  };

  /* --- rows --- */
  let current = -1, cell = -1;
  const rows = () => $$("#grid tbody:not(.shut) tr:not(.g)");
  const shownCells = (row) => $$("td", row).filter((td) => td.offsetParent !== null && td.querySelector(".v, time"));
  const selected = () => rows().findIndex((row) => row.getAttribute("aria-selected") === "true");
  const mark = (n, { quiet = false } = {}) => {
    const all = rows();
    if (!all.length) return;
    current = Math.max(0, Math.min(all.length - 1, n));
    all.forEach((row, i) => row.classList.toggle("cur", i === current));
    $$("#grid td.cell").forEach((td) => td.classList.remove("cell"));
    if (cell >= 0) shownCells(all[current])[Math.min(cell, shownCells(all[current]).length - 1)]?.classList.add("cell");
    const row = all[current];
    $("#grid").setAttribute("aria-activedescendant", row.id || "");
    if (!quiet) row.scrollIntoView({ block: "nearest" });
  };
  const open = () => {
    const row = rows()[current];
    const link = row && $("a.open", row);
    if (!link) return;
    rows().forEach((other) => other.setAttribute("aria-selected", other === row ? "true" : "false"));
    link.click();
  };
  const drawerOpen = () => $("#record.open");
  const step = (by) => {
    const from = current >= 0 ? current : selected() >= 0 ? selected() : by > 0 ? -1 : 0;
    const to = from + by;
    if (to >= rows().length && $("#next")) return $("#next").click();
    if (to < 0 && $("#previous")) return $("#previous").click();
    mark(to);
    if (drawerOpen() || main().dataset.page === "findings") open();
  };
  const closeDrawer = () => {
    const drawer = drawerOpen();
    if (!drawer) return false;
    const back = drawer.dataset.close;
    drawer.className = "drawer";
    drawer.replaceChildren();
    rows().forEach((row) => row.setAttribute("aria-selected", "false"));
    if (back) history.pushState({ htmx: true }, "", back);
    $("#grid")?.focus({ preventScroll: true });
    return true;
  };
  const valueCell = () => {
    const row = rows()[current];
    if (!row) return null;
    const cells = shownCells(row);
    return cells[Math.min(cell, cells.length - 1)] || null;
  };
  const filter = (kind) => {
    const hovered = $$(".kv tr:hover, .facet li:hover, #grid td:hover, .facet li:focus-within").pop();
    const place = valueCell()?.querySelector("." + kind) ? valueCell() : hovered;
    $("." + kind, place || document.createElement("i"))?.click();
  };

  document.addEventListener("click", (event) => {
    const row = event.target.closest?.("#grid tbody tr:not(.g)");
    if (row) {
      current = rows().indexOf(row);
      mark(current, { quiet: true });
      if (event.target.closest("a.open")) rows().forEach((o) => o.setAttribute("aria-selected", o === row ? "true" : "false"));
      else if (!event.target.closest("a")) open();
    }
    const fold = event.target.closest?.(".fold");
    if (fold) {
      const shut = fold.closest("tbody").classList.toggle("shut");
      fold.setAttribute("aria-expanded", shut ? "false" : "true");
      current = -1;
    }
    const tab = event.target.closest?.("[role=tab]");
    if (tab) chooseTab(tab);
    const key = event.target.closest?.("[data-key]");
    if (key) act(key.dataset.key);
    if (event.target.closest?.("#close")) { event.preventDefault(); event.stopImmediatePropagation(); closeDrawer(); }
    const text = event.target.closest?.("[data-copy]");
    if (text) copy(text.dataset.copy, "Kibana query");
    if (event.target.closest?.("#theme")) theme();
    if (event.target.closest?.("#help, #keysclose")) $("#keys").classList.toggle("open");
    if (!event.target.closest?.("#qform")) hideCompletion();
  }, true);

  const chooseTab = (tab) => {
    $$("[role=tab]", tab.parentElement).forEach((one) => {
      const on = one === tab;
      one.setAttribute("aria-selected", on ? "true" : "false");
      document.getElementById(one.getAttribute("aria-controls")).classList.toggle("on", on);
    });
  };

  const theme = () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem("eye-theme", root.dataset.theme);
  };

  const say = (text) => { const place = $("#said"); if (place) place.textContent = text; };
  const copy = (text, what) => navigator.clipboard?.writeText(text).then(() => say(what + " copied"), () => say("the browser does not let " + what.toLowerCase() + " be copied"));
  /* a value as it stands in the evidence, not as it is shown: labels and cut ends are for the eye */
  const copyValue = async () => {
    const place = $$(".kv tr:hover, .facet li:hover").pop() || valueCell() || $$("#grid td:hover").pop();
    if (!place) return;
    const link = $(".fin", place), time = $("time", place);
    if (link) {
      const clause = new URL(link.href).searchParams.getAll("f").pop();
      return copy(clause.slice(clause.indexOf(':"') + 2, -1).replace(/\\(["\\])/g, "$1"), "Value");
    }
    if (time) return copy(time.dateTime, "Time");
    const row = place.closest("[data-row]")?.dataset.row, name = place.dataset.name || $("th[scope=row]", place)?.textContent;
    const answer = row && name ? await fetch("/record?row=" + row).catch(() => null) : null;
    const value = answer?.ok ? (await answer.json())[name] : undefined;
    return typeof value === "string" ? copy(value, "Value") : say("this value is not copied: see JSON, whole record");
  };

  /* a time range is written into the query, its beginning selected for typing over */
  const timeRange = () => {
    const input = $("#q"), clause = $("#range")?.dataset.clause;
    if (!clause) return;
    const asked = input.value.trim();
    if (!/@timestamp:\[/.test(asked)) input.value = !asked ? clause : /\s/.test(asked) ? `(${asked}) AND ${clause}` : `${asked} AND ${clause}`;
    input.focus();
    const found = /@timestamp:\[(\S+)/.exec(input.value);
    input.setSelectionRange(found.index + 12, found.index + 12 + found[1].length);
  };

  /* --- keyboard --- */
  let pending = "";
  const act = (key) => {
    const data = main().dataset;
    if (pending === "g") {
      pending = "";
      return go({ d: "/discover", f: "/findings" }[key]);
    }
    switch (key) {
      case "g": pending = "g"; setTimeout(() => { pending = ""; }, 1500); break;
      case "/": $("#q").focus(); $("#q").select(); break;
      case "t": timeRange(); break;
      case "j": step(1); break;
      case "k": step(-1); break;
      case "Enter": open(); break;
      case "ArrowRight": cell += 1; mark(Math.max(0, current)); break;
      case "ArrowLeft": cell = Math.max(-1, cell - 1); mark(Math.max(0, current)); break;
      case "Home": mark(0); break;
      case "End": mark(rows().length - 1); break;
      case "f": filter("fin"); break;
      case "x": filter("fout"); break;
      case "y": copyValue(); break;
      case "c": copy(location.href, "Link"); break;
      case "n": go($("#record.open")?.dataset.neighbours); break;
      case "[": history.back(); break;
      case "]": history.forward(); break;
      case "+": go(data.zoomin); break;
      case "-": go(data.zoomout); break;
      case "0": go(data.all); break;
      case "<": moveBrush(-1); break;
      case ">": moveBrush(1); break;
      case "?": $("#keys").classList.toggle("open"); break;
      default: return false;
    }
    return true;
  };
  document.addEventListener("keydown", (event) => {
    const field = event.target.closest?.("input, textarea, select");
    if (event.key === "Escape") {
      if ($("#keys").classList.contains("open")) $("#keys").classList.remove("open");
      else if ($("#complete")?.classList.contains("open")) hideCompletion();
      else if (field) field.blur();
      else closeDrawer();
      return;
    }
    if (field) return field.id === "q" ? completionKey(event) : undefined;
    if (event.ctrlKey || event.metaKey || event.altKey) return undefined;
    if (event.key === "Enter" && event.target.closest?.("a, button")) return undefined;
    if (act(event.key)) event.preventDefault();
    return undefined;
  });

  /* --- brush --- */
  let drag = null;
  const chart = () => $("#histo");
  const place = (event) => {
    const svg = chart(), box = svg.getBoundingClientRect();
    const { left, right } = { left: +svg.dataset.left, right: +svg.dataset.right };
    const x = (event.clientX - box.left) * (1230 / box.width);
    return Math.max(left, Math.min(right, x));
  };
  const timeAt = (x) => {
    const { start, end, left, right, width } = chart().dataset;
    const at = BigInt(Math.round(((x - left) / (right - left)) * 1e6)) * (BigInt(end) - BigInt(start)) / 1000000n;
    const one = BigInt(width);
    return BigInt(start) + ((at + one / 2n) / one) * one;
  };
  const iso = (ns) => new Date(Number(ns / 1000000n)).toISOString().slice(0, 19) + "Z";
  const shape = (name, attributes) => {
    const one = document.createElementNS(SVG, name);
    Object.entries(attributes).forEach(([key, value]) => one.setAttribute(key, value));
    return one;
  };
  const drawBrush = (a, b) => {
    $("#brush").replaceChildren(
      shape("rect", { class: "brush", x: a, y: 8, width: b - a, height: 68 }),
      shape("path", { class: "brush-e", d: `M${a} 8V76M${b} 8V76` }),
    );
  };
  const setBrush = (low, high) => go(here((p) => { if (low === null) p.delete("t"); else p.set("t", `${iso(low)}..${iso(high)}`); }));
  const moveBrush = (by) => {
    const [low, high] = (chart()?.dataset.brush || "").split("-").map((n) => n && BigInt(n));
    if (high) setBrush(low + BigInt(by) * (high - low), high + BigInt(by) * (high - low));
  };
  document.addEventListener("pointerdown", (event) => {
    if (!event.target.closest?.("#histo") || event.button) return;
    drag = place(event);
    event.preventDefault();
  });
  document.addEventListener("pointermove", (event) => {
    if (drag !== null && chart()) drawBrush(Math.min(drag, place(event)), Math.max(drag, place(event)));
  });
  document.addEventListener("pointerup", (event) => {
    if (drag === null || !chart()) return;
    const a = Math.min(drag, place(event)), b = Math.max(drag, place(event));
    drag = null;
    if (b - a < 4) return;
    const low = timeAt(a), high = timeAt(b), one = BigInt(chart().dataset.width);
    setBrush(low, high > low ? high : low + one);
  });
  document.addEventListener("dblclick", (event) => { if (event.target.closest?.("#histo") && chart().dataset.brush) setBrush(null); });

  /* --- completion --- */
  let asked = 0, timer = 0;
  const hideCompletion = () => {
    const list = $("#complete");
    if (!list) return;
    list.classList.remove("open");
    $("#q").setAttribute("aria-expanded", "false");
  };
  const word = () => {
    const input = $("#q"), before = input.value.slice(0, input.selectionStart);
    return /[^\s()[\]{}]*$/.exec(before)[0].replace(/^[-+!]/, "");
  };
  const suggest = async () => {
    const mine = ++asked, now = word();
    if (!now) return hideCompletion();
    const answer = await fetch("/complete?word=" + encodeURIComponent(now)).catch(() => null);
    if (!answer?.ok || mine !== asked) return undefined;
    const text = (await answer.text()).trim();
    if (mine !== asked || document.activeElement !== $("#q")) return undefined;
    $("#complete").innerHTML = text;
    $("#complete").classList.toggle("open", text !== "");
    $("#q").setAttribute("aria-expanded", text ? "true" : "false");
    return undefined;
  };
  const take = (option) => {
    const input = $("#q"), now = word(), end = input.selectionStart;
    const text = option.dataset.take ?? now.slice(0, now.indexOf(":") + 1) + JSON.stringify(option.dataset.value) + " ";
    input.setRangeText(text, end - now.length, end, "end");
    option.dataset.take ? suggest() : hideCompletion();
    input.focus();
  };
  const completionKey = (event) => {
    if (event.key === "Enter") {  // also where no list is open yet: it would cover the answer
      asked += 1;
      clearTimeout(timer);
      return hideCompletion();
    }
    const list = $("#complete"), options = $$("li", list);
    if (!list.classList.contains("open") || !options.length) return undefined;
    const at = options.findIndex((o) => o.classList.contains("on"));
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const next = (at + (event.key === "ArrowDown" ? 1 : -1) + options.length) % options.length;
      options.forEach((o, i) => { o.classList.toggle("on", i === next); o.setAttribute("aria-selected", i === next ? "true" : "false"); });
    } else if (event.key === "Tab") {
      event.preventDefault();
      take(options[Math.max(0, at)]);
    }
    return undefined;
  };
  document.addEventListener("input", (event) => {
    if (event.target.id === "q") { clearTimeout(timer); timer = setTimeout(suggest, 120); }
    if (event.target.id === "findfield") {
      const wanted = event.target.value.toLowerCase();
      $$(".facet").forEach((facet) => { facet.hidden = !facet.dataset.name.includes(wanted); });
    }
  });
  document.addEventListener("mousedown", (event) => {
    const option = event.target.closest?.("#complete li");
    if (option) { event.preventDefault(); take(option); }
  });

  /* --- after each swap --- */
  let submitted = false;
  document.addEventListener("submit", () => { submitted = true; }, true);
  document.addEventListener("htmx:afterSettle", (event) => {
    if (submitted && $("#trouble")?.childElementCount === 0) { submitted = false; document.activeElement?.blur(); }
    if (event.target.id !== "main") return;
    current = -1;
    const n = selected();
    if (n >= 0) { mark(n); current = n; }
    if (!document.activeElement || document.activeElement === document.body) $("#grid")?.focus({ preventScroll: true });
  });
  document.addEventListener("htmx:historyRestore", () => { current = -1; });
  document.addEventListener("DOMContentLoaded", () => { const n = selected(); if (n >= 0) { current = n; mark(n); } });
})();
