// Reads a card from stdin and prints what the adaptivecards library finds wrong with it, as a JSON list of sentences.
// The card is held against version 1.2, the newest that Teams on a phone renders.
"use strict";
const library = require("adaptivecards/dist/adaptivecards.js");

const chunks = [];
process.stdin.on("data", (chunk) => chunks.push(chunk));
process.stdin.on("end", () => {
    const card = new library.AdaptiveCard();
    const context = new library.SerializationContext(library.Versions.v1_2);
    card.parse({ ...JSON.parse(Buffer.concat(chunks).toString("utf8")), version: "1.2" }, context);
    const found = [];
    for (let place = 0; place < context.eventCount; place++) {
        found.push(context.getEventAt(place).message);
    }
    found.push(...card.validateProperties().validationEvents.map((event) => event.message));
    process.stdout.write(JSON.stringify(found));
});
