#include "testing/raw_server.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>

#include "base/check.h"

namespace leat::testing {
namespace {

constexpr int kPollMs = 20;

bool wait_readable(int fd, const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    pollfd waiting{fd, POLLIN, 0};
    if (poll(&waiting, 1, kPollMs) > 0) return true;
  }
  return false;
}

size_t content_length(const std::string& head) {
  size_t at = head.find("Content-Length: ");
  return at == std::string::npos ? 0 : static_cast<size_t>(std::atoll(head.c_str() + at + 16));
}

/// The next request of a connection; nullopt when the peer has closed.
std::optional<std::string> next_request(int peer, std::string& buffer,
                                        const std::stop_token& stop) {
  while (true) {
    size_t end = buffer.find("\r\n\r\n");
    if (end != std::string::npos) {
      size_t whole = end + 4 + content_length(buffer.substr(0, end + 2));
      if (buffer.size() >= whole) {
        std::string request = buffer.substr(0, whole);
        buffer.erase(0, whole);
        return request;
      }
    }
    if (!wait_readable(peer, stop)) return std::nullopt;
    char bytes[4096];
    ssize_t got = recv(peer, bytes, sizeof bytes, 0);
    if (got <= 0) return std::nullopt;
    buffer.append(bytes, static_cast<size_t>(got));
  }
}

void send_all(int peer, std::string_view bytes, const std::stop_token& stop) {
  while (!bytes.empty() && !stop.stop_requested()) {
    pollfd waiting{peer, POLLOUT, 0};
    if (poll(&waiting, 1, kPollMs) <= 0) continue;
    ssize_t sent = send(peer, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) return;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

}  // namespace

RawServer::RawServer(Script script) : script_(std::move(script)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  CHECK(listen(listener_, 16) == 0);
  socklen_t size = sizeof address;
  CHECK(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port_ = ntohs(address.sin_port);
  thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
}

RawServer::~RawServer() {
  thread_.request_stop();
  thread_.join();
  close(listener_);
}

std::string RawServer::url(std::string_view path) const {
  return fmt::format("http://127.0.0.1:{}{}", port_, path);
}

std::vector<std::string> RawServer::requests() {
  MutexLock lock(mutex_);
  return requests_;
}

int RawServer::connections() {
  MutexLock lock(mutex_);
  return connections_;
}

void RawServer::run(const std::stop_token& stop) {
  std::vector<std::jthread> peers;  // stopped and joined at the end
  while (wait_readable(listener_, stop)) {
    int peer = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (peer < 0) continue;
    {
      MutexLock lock(mutex_);
      ++connections_;
    }
    peers.emplace_back([this, peer](std::stop_token own) {
      serve(peer, own);
      close(peer);
    });
  }
}

void RawServer::serve(int peer, const std::stop_token& stop) {
  std::string buffer;
  while (auto request = next_request(peer, buffer, stop)) {
    int number = 0;
    {
      MutexLock lock(mutex_);
      requests_.push_back(*request);
      number = static_cast<int>(requests_.size());
    }
    Answer answer;
    {
      MutexLock lock(script_mutex_);
      answer = script_(*request, number);
    }
    send_all(peer, answer.bytes, stop);
    switch (answer.then) {
      case Answer::Then::kNext:
        continue;
      case Answer::Then::kClose:
        return;
      case Answer::Then::kReset: {
        linger now{1, 0};
        setsockopt(peer, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        return;
      }
      case Answer::Then::kHold: {
        // Until the peer gives up.
        char byte;
        while (wait_readable(peer, stop) && recv(peer, &byte, 1, 0) > 0) {
        }
        return;
      }
    }
  }
}

std::string http_answer(std::string_view body, std::string_view fields, std::string_view status) {
  return fmt::format("HTTP/1.1 {}\r\nContent-Length: {}\r\n{}\r\n{}", status, body.size(), fields,
                     body);
}

}  // namespace leat::testing
