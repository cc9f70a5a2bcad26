// Pages of user records over HTTP on loopback, served from memory, and read by libcurl alone. Called by bench/cluster.py.
//   bench_http_bench serve RECORDS PER_PAGE   prints its port; GET /?page=N, N from 1; ends when its standard input does
//   bench_http_bench get PORT RECORDS PER_PAGE   every page once over one connection; the last line is JSON
#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <thread>
#include <vector>

#include "bench/cluster_program.h"
#include "bench/users.h"

namespace leat::bench {
namespace {

using Pages = std::vector<std::string>;

std::string response(std::string_view body) {
  return fmt::format(
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
      body.size(), body);
}

Pages make_pages(int64_t records, int64_t per_page) {
  Pages pages;
  for (int64_t at = 0; at < records; at += per_page) {
    std::string body = R"({"results":[)";
    for (int64_t n = at; n < std::min(at + per_page, records); ++n) {
      if (n > at) body += ',';
      append_json(user(static_cast<uint64_t>(n)), body);
    }
    pages.push_back(response(body + "]}"));
  }
  return pages;
}

/// The page that a request's first line asks for; 0: none.
size_t page_of(std::string_view request) {
  const size_t at = request.find("page=");
  size_t page = 0;
  if (at != request.npos)
    std::from_chars(request.data() + at + 5, request.data() + request.size(), page);
  return page;
}

/// One connection, request after request, until the other side closes it.
void answer(int socket, const Pages& pages) {
  static const std::string empty = response(R"({"results":[]})");
  std::string request;
  char bytes[8192];
  for (;;) {
    const size_t end = request.find("\r\n\r\n");
    if (end == request.npos) {
      const ssize_t got = ::recv(socket, bytes, sizeof bytes, 0);
      if (got <= 0) break;
      request.append(bytes, static_cast<size_t>(got));
      continue;
    }
    const size_t page = page_of(std::string_view(request).substr(0, request.find("\r\n")));
    std::string_view out = page >= 1 && page <= pages.size() ? pages[page - 1] : empty;
    while (!out.empty()) {
      const ssize_t sent = ::send(socket, out.data(), out.size(), MSG_NOSIGNAL);
      if (sent <= 0) break;
      out.remove_prefix(static_cast<size_t>(sent));
    }
    request.erase(0, end + 4);
  }
  ::close(socket);
}

void serve(int64_t records, int64_t per_page) {
  const Pages pages = make_pages(records, per_page);
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener, 16) != 0 ||
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    die("cannot listen on loopback");
  fmt::print("{}\n", ntohs(address.sin_port));
  std::fflush(stdout);
  std::thread([] {  // whoever started it has ended
    char byte;
    while (::read(STDIN_FILENO, &byte, 1) > 0) {
    }
    std::_Exit(0);
  })
      .detach();
  for (;;) {
    const int socket = ::accept(listener, nullptr, nullptr);
    if (socket >= 0) std::thread(answer, socket, std::cref(pages)).detach();
  }
}

void get(const std::string& port, int64_t records, int64_t per_page) {
  CURL* curl = curl_easy_init();
  std::string body;
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
  curl_easy_setopt(
      curl, CURLOPT_WRITEFUNCTION, +[](char* data, size_t one, size_t count, void* to) {
        static_cast<std::string*>(to)->append(data, one * count);
        return one * count;
      });
  const double start = now_s(), cpu = cpu_s();
  int64_t bytes = 0;
  for (int64_t page = 1; (page - 1) * per_page < records; ++page) {
    const std::string url = fmt::format("http://127.0.0.1:{}/?page={}", port, page);
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    body.clear();
    if (const CURLcode code = curl_easy_perform(curl)) die(curl_easy_strerror(code));
    bytes += static_cast<int64_t>(body.size());
  }
  tell(records, now_s() - start, cpu_s() - cpu, bytes);
  curl_easy_cleanup(curl);
}

int main(int argc, char** argv) {
  const std::string_view verb = argc > 1 ? argv[1] : "";
  if (verb == "serve" && argc == 4)
    serve(std::atoll(argv[2]), std::atoll(argv[3]));
  else if (verb == "get" && argc == 5)
    get(argv[2], std::atoll(argv[3]), std::atoll(argv[4]));
  else
    die("serve RECORDS PER_PAGE, or get PORT RECORDS PER_PAGE");
  return 0;
}

}  // namespace
}  // namespace leat::bench

int main(int argc, char** argv) { return leat::bench::main(argc, argv); }
