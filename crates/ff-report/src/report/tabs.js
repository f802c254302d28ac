"use strict";
// Makes tabs of the navigation, which show one panel at a time. Without this script all panels are shown.
const tabs = [...document.querySelectorAll("nav a")];
const panels = tabs.map((tab) => document.getElementById(tab.hash.slice(1)));
const show = (nth) => {
  tabs.forEach((tab, at) => {
    tab.setAttribute("aria-selected", at === nth);
    tab.tabIndex = at === nth ? 0 : -1;
    // The browser's search still finds the text of a hidden panel, and then shows it.
    if (at === nth) panels[at].removeAttribute("hidden");
    else panels[at].setAttribute("hidden", "until-found");
  });
  tabs[nth].scrollIntoView({ block: "nearest", inline: "nearest" });
};
const follow = () => {
  const target = document.getElementById(location.hash.slice(1));
  show(Math.max(0, panels.findIndex((panel) => panel.contains(target))));
  if (!target) return;
  if (target.tagName === "DETAILS") target.open = true;
  target.scrollIntoView();
};
document.querySelector("nav ul").setAttribute("role", "tablist");
tabs.forEach((tab, nth) => {
  tab.id = "tab-" + panels[nth].id;
  tab.parentElement.setAttribute("role", "none");
  tab.setAttribute("role", "tab");
  tab.setAttribute("aria-controls", panels[nth].id);
  panels[nth].setAttribute("role", "tabpanel");
  panels[nth].setAttribute("aria-labelledby", tab.id);
  panels[nth].addEventListener("beforematch", () => show(nth));
  tab.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    // Following the link would take the focus from the tab.
    event.preventDefault();
    history.pushState(null, "", tab.hash);
    show(nth);
    scrollTo(0, Math.min(scrollY, document.querySelector("header").offsetHeight));
  });
  tab.addEventListener("keydown", (event) => {
    const last = tabs.length - 1;
    const to = { ArrowRight: nth === last ? 0 : nth + 1, ArrowLeft: nth === 0 ? last : nth - 1, Home: 0, End: last }[event.key];
    if (event.key === " ") tab.click();
    else if (to === undefined) return;
    else { tabs[to].focus(); tabs[to].click(); }
    event.preventDefault();
  });
});
addEventListener("hashchange", follow);
follow();
