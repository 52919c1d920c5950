// SPDX-License-Identifier: MIT
// Stan's own sampler as CmdStan calls it, one chain a process, linked with a model that stanc has translated.
//
//   MODEL sample DATA.json SEED CHAIN WARMUP DRAWS OUT.csv LAST   draws as CSV; LAST gets the last unconstrained point
//   MODEL gradient DATA.json LAST                               seconds of value and gradient there: least of many batches
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stan/callbacks/interrupt.hpp>
#include <stan/callbacks/stream_logger.hpp>
#include <stan/callbacks/stream_writer.hpp>
#include <stan/io/empty_var_context.hpp>
#include <stan/io/json/json_data.hpp>
#include <stan/model/gradient.hpp>
#include <stan/model/model_base.hpp>
#include <stan/services/sample/hmc_nuts_diag_e_adapt.hpp>
#include <string>

stan::model::model_base &new_model(stan::io::var_context &data, unsigned int seed, std::ostream *messages);

namespace {

// Keeps the unconstrained coordinates of the latest state: the columns after those of the sampler.
class last_point : public stan::callbacks::writer {
 public:
  explicit last_point(size_t size) : size_(size) {}
  void operator()(const std::vector<std::string> &) override {}
  void operator()(const std::string &) override {}
  void operator()() override {}
  void operator()(const std::vector<double> &state) override { state_ = state; }
  void write(const char *path) const {
    std::ofstream out(path);
    out.precision(17);
    const size_t skip = state_.size() - 3 * size_; // then positions, momenta, gradients
    for (size_t i = 0; i < size_; i++) out << state_[skip + i] << "\n";
  }

 private:
  size_t size_;
  std::vector<double> state_;
};

int sample(stan::model::model_base &model, char **arg) {
  std::ofstream out(arg[4]);
  out.precision(12);
  stan::callbacks::stream_logger logger(std::cerr, std::cerr, std::cerr, std::cerr, std::cerr);
  stan::callbacks::interrupt interrupt;
  stan::callbacks::writer init;
  stan::callbacks::stream_writer draws(out, "# ");
  last_point last(model.num_params_r());
  stan::io::empty_var_context nothing;
  const int status = stan::services::sample::hmc_nuts_diag_e_adapt(
      model, nothing, std::atoi(arg[0]), std::atoi(arg[1]), 2, std::atoi(arg[2]), std::atoi(arg[3]), 1, false, 0, 1, 0, 10, 0.8,
      0.05, 0.75, 10, 75, 50, 25, interrupt, logger, init, draws, last);
  if (status == 0) last.write(arg[5]);
  return status;
}

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int gradient(stan::model::model_base &model, const char *path) {
  Eigen::VectorXd u(model.num_params_r()), slope;
  std::ifstream in(path);
  for (Eigen::Index i = 0; i < u.size(); i++) in >> u[i];
  if (!in) return 1;
  stan::callbacks::logger logger;
  double value = 0, least = INFINITY;
  int batch = 1;
  for (double begin = now(); now() - begin < 0.5;) {
    const double start = now();
    for (int i = 0; i < batch; i++) stan::model::gradient(model, u, value, slope, logger);
    const double seconds = now() - start;
    if (seconds < 1e-3)
      batch *= 2;
    else
      least = std::min(least, seconds / batch);
  }
  std::cout << least << "\n";
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  const std::string verb = argc > 2 ? argv[1] : "";
  if (!((verb == "sample" && argc == 9) || (verb == "gradient" && argc == 4))) {
    std::cerr << "usage: MODEL sample DATA SEED CHAIN WARMUP DRAWS OUT LAST | MODEL gradient DATA LAST\n";
    return 2;
  }
  std::ifstream file(argv[2]);
  stan::json::json_data data(file);
  stan::model::model_base &model = new_model(data, 1, &std::cerr);
  return verb == "sample" ? sample(model, argv + 3) : gradient(model, argv[3]);
}
