// Small trainings on the digits, and figures as a person reads them.
#pragma once

#include <string>
#include <vector>

#include "program.h"

#include "bitline/result/record.h"

namespace bitline::cli {

using Words = std::vector<std::string>;

Words joined(Words first, const Words& second);

// 512 images, 3 epochs, quiet: 48 steps. `out` and `from` are names in the folder.
Outcome train(const Scratch& scratch, const std::string& out, const Words& more = {});
Outcome quantize(const Scratch& scratch, const std::string& from, const std::string& out,
                 const Words& more = {});
Words train_words(const Scratch& scratch, const std::string& out);
Words quantize_words(const Scratch& scratch, const std::string& from, const std::string& out);

// The record in JSON text: all of it, nothing else.
result::Record record_of(const std::string& json);

// What the text output shows behind the key of a figure; empty when it is not there.
std::string shown_figure(const std::string& text, const std::string& key);

}  // namespace bitline::cli
