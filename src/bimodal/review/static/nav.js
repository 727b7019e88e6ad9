// On a narrow screen the row of tabs scrolls: show the present one.

document.querySelector(".top nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
